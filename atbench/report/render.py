"""One table in three formats: CSV of its numbers, Markdown and LaTeX (booktabs) of its text."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from atbench.runtime.files import write_atomically


@dataclass(frozen=True)
class Markup:
    """How one format writes what plain text cannot."""

    plus_minus: str
    minus: str
    dash: str  # stands for a missing cell
    dagger: str
    bold: str  # a format string with one place
    escape: Callable[[str], str]


MINUS = "\N{MINUS SIGN}"
NO_RESULTS = "no results yet"
LATEX_ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "±": r"$\pm$",
    MINUS: r"$-$",
    "†": r"$^\dagger$",
    "—": "---",
    "~": r"\textasciitilde{}",
    "<": "$<$",
    ">": "$>$",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def latex_text(text: str) -> str:
    """``text`` with everything that LaTeX would read as a command escaped."""
    return "".join(LATEX_ESCAPES.get(character, character) for character in text)


MARKDOWN = Markup("±", MINUS, "—", "†", "**{}**", lambda text: text.replace("|", "\\|"))
LATEX = Markup(r"$\pm$", "$-$", "---", r"$^\dagger$", r"\textbf{{{}}}", latex_text)


@dataclass(frozen=True)
class Table:
    """A finished table.

    ``numbers`` is the long form for the CSV; ``text(markup)`` returns the printed entries under a two-level
    row index. ``prose``: entries are phrases, set left and, in LaTeX, broken into lines.
    """

    numbers: pd.DataFrame
    text: Callable[[Markup], pd.DataFrame]
    caption: str
    prose: bool = False


def laid_out(
    lines: Mapping[tuple[str, str], Sequence[str]], heads: tuple[str, str], columns: Sequence[str]
) -> pd.DataFrame:
    """Printed entries: (block, row) -> the entries of a row, under the names of both and of the columns.

    A table without a line says so: pandas writes one of no columns.
    """
    lines = lines or {(NO_RESULTS, ""): [""] * len(columns)}
    index = pd.MultiIndex.from_tuples(lines, names=heads)
    return pd.DataFrame(list(lines.values()), index=index, columns=columns)


def signed(value: float, decimals: int, markup: Markup) -> str:
    """A number with the typographic minus of the format."""
    return f"{value:.{decimals}f}".replace("-", markup.minus)


def csv(numbers: pd.DataFrame) -> str:
    return str(numbers.to_csv(index=False, float_format="%.10g", lineterminator="\n"))


def markdown(table: Table) -> str:
    text = table.text(MARKDOWN).reset_index()
    # A block's name stands on its first row only, as in the printed table.
    first = text.columns[0]
    text[first] = text[first].where(~text[first].duplicated(), "")
    align = ["left", "left"] + ["left" if table.prose else "right"] * (len(text.columns) - 2)
    body = text.to_markdown(index=False, disable_numparse=True, colalign=align)
    return f"{table.caption}\n\n{body}\n"


def latex(table: Table, label: str) -> str:
    """A table no wider than its line, below a comment on the packages it needs; for prose one that breaks pages."""
    text = table.text(LATEX)
    body = text.to_latex(
        escape=False,
        caption=latex_text(table.caption),
        label=f"tab:{label}",
        column_format=_columns(2 + len(text.columns), table.prose),
        position=None if table.prose else "tb",
        index_names=False,
        multirow=False,
        longtable=table.prose,
    )
    body = body.replace("\n &  & ", "\n" + " & ".join(text.index.names) + " & ")  # pandas leaves the index unnamed
    if table.prose:
        body = body.replace(f"\\caption[]{{{latex_text(table.caption)}}}", "\\caption[]{(continued)}")
        return f"% Needs \\usepackage{{array,booktabs,longtable}}.\n{{\\footnotesize\n{body}}}\n"
    body = _shrunk(_blocks(body))
    return f"% Needs \\usepackage{{booktabs,graphicx}}; graphicx shrinks a table that is wider than its line.\n{body}"


def _columns(count: int, prose: bool) -> str:
    if not prose:
        return "ll" + "r" * (count - 2)
    each = rf"\dimexpr(\linewidth-{2 * count}\tabcolsep)/{count}\relax"
    return f">{{\\raggedright\\arraybackslash}}p{{{each}}}" * count


def _blocks(body: str) -> str:
    """A table with a rule above every block but the first: above each row whose first entry is not empty."""
    head, rule, rest = body.partition("\\midrule\n")
    rows, bottom, tail = rest.partition("\\bottomrule")
    rows = re.sub(r"\n(?! & |\Z)", lambda _: "\n\\midrule\n", rows)
    return f"{head}{rule}{rows}{bottom}{tail}"


def _shrunk(body: str) -> str:
    """A table that graphicx scales down to its line where it is wider."""
    fit = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    body = body.replace("\\begin{tabular}", f"{fit}\n\\begin{{tabular}}")
    return body.replace("\\end{tabular}\n", "\\end{tabular}}\n")


def write(table: Table, stem: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Write ``stem`` with each of ``suffixes``: .csv, .md, .tex; returns their paths."""
    texts = {
        ".csv": lambda: csv(table.numbers),
        ".md": lambda: markdown(table),
        ".tex": lambda: latex(table, stem.name),
    }
    return [write_text(stem.with_name(stem.name + suffix), texts[suffix]()) for suffix in suffixes]


def write_text(path: Path, text: str) -> Path:
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return path
