"""One table in three formats: CSV of its numbers, Markdown and LaTeX (booktabs) of its text."""

from collections.abc import Callable
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
LATEX_ESCAPES = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "±": r"$\pm$",
    MINUS: r"$-$",
    "†": r"$^\dagger$",
    "—": "---",
    "~": r"\textasciitilde{}",
    "<": "$<$",
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
    """A table for \\usepackage{booktabs,multirow}; for prose a longtable, which may break across pages."""
    text = table.text(LATEX)
    body = text.to_latex(
        escape=False,
        caption=latex_text(table.caption),
        label=f"tab:{label}",
        column_format="p{3cm}" * (2 + len(text.columns)) if table.prose else "ll" + "r" * len(text.columns),
        position=None if table.prose else "tb",
        index_names=False,
        multirow=not table.prose,
        longtable=table.prose,
    )
    body = body.replace(f"\\caption[]{{{latex_text(table.caption)}}}", "\\caption[]{(continued)}")  # of a longtable
    # pandas separates blocks by \cline, also after the last one, and leaves the index without a head.
    rule = f"\\cline{{1-{2 + len(text.columns)}}}\n"
    body = body.replace(f"{rule}\\bottomrule", "\\bottomrule").replace(rule, "\\midrule\n")
    return body.replace("\n &  & ", "\n" + " & ".join(text.index.names) + " & ")


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
