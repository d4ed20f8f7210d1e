"""Numbers within sentences of pages, written from released records between two comments, the first of which says what.

    At equal batches it is <!-- scratch at laptop: method=at sampler=ddim nfe=5 -->2.32 ± 0.35<!-- . --> there.

A table of `atbench.report.released_frames`; the rows of it that are meant, by ``KEY=VALUE,VALUE``; after a semicolon
what of them is said, without which it is a mean with its standard deviation:

``COLUMN FORMAT``, ``COLUMN/COLUMN FORMAT``
    of one row, or from the least to the greatest of several. FORMAT is one of Python's, `gain` (as in the table of
    claims), `each` and one of Python's (all of them, in the order of the table), or `at most NUMBER` (how many).
``lead METHOD OVER``
    at how many points a method has the lower mean than another.
``verdicts``
    how many there are of each kind.
"""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from atbench.judgement.claims import NOTHING, OPEN, REFUTED, SUPPORTED
from atbench.report.released_frames import frame
from atbench.report.render import MARKDOWN, MINUS
from atbench.report.tables import value_text
from atbench.report.verdict_table import amount
from atbench.runtime.errors import UserError

END = "<!-- . -->"
BEGIN = re.compile(r"<!-- ([\w.-]+(?: at [\w-]+)?: (?!written by )[^<>]*?) -->")
QUOTED = re.compile(rf"{BEGIN.pattern}[^<>]*?{re.escape(END)}")
DIGITS = 2  # of a mean in a sentence
QUERY = re.compile(r"([\w.-]+)(?: at ([\w-]+))?: ([^;]*)(?:; (.+))?")


def replaced(page: Path, text: str) -> str:
    """``text`` with every quoted number made anew.

    Raises UserError naming the page and the comment of one that asks for what is not there, that has no end, or that
    begins a line, where Markdown would take it for a block.
    """
    begun, whole, ended = len(BEGIN.findall(text)), len(QUOTED.findall(text)), text.count(END)
    if not begun == whole == ended:
        raise UserError(f"{page}: {begun} numbers are quoted, {ended} comments {END} end one, {whole} are whole")
    return QUOTED.sub(lambda found: _made(page, text, found), text)


def _made(page: Path, text: str, found: re.Match[str]) -> str:
    query = found.group(1)
    if text[: found.start()].rpartition("\n")[2].strip() == "":
        raise UserError(f"{page}: <!-- {query} --> begins a line, where it is taken for a block: put a word before it")
    try:
        return f"<!-- {query} -->{said(query)}{END}"
    except (UserError, ValueError, KeyError) as error:
        raise UserError(f"{page}: <!-- {query} -->: {error}") from error


def said(query: str) -> str:
    """The words that a query asks for. Raises UserError, KeyError or ValueError for one that has no answer."""
    parts = QUERY.fullmatch(query)
    if parts is None:
        raise UserError("want TABLE at SCALE: KEY=VALUE ...; COLUMN FORMAT")
    table, scale, where, show = parts.groups()
    rows = _chosen(frame(table, scale), where)
    if rows.empty:
        raise UserError("no row of the table fits")
    if show is None:
        return _mean(rows)
    if show == "verdicts":
        return _verdicts(rows)
    what, _, form = show.partition(" ")
    return _lead(rows, *form.split()) if what == "lead" else _formed(_values(rows, what), form)


def _chosen(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    for condition in shlex.split(where):
        key, _, values = condition.partition("=")
        column = rows[key]
        typed = [float(value) for value in values.split(",")] if column.dtype.kind in "if" else values.split(",")
        rows = rows[column.isin(typed)]
    return rows


def _mean(rows: pd.DataFrame) -> str:
    if len(rows) > 1:
        raise UserError(f"{len(rows)} rows of the table fit; one mean is wanted")
    return value_text(rows["mean"].item(), rows["std"].item(), DIGITS, MARKDOWN)


def _values(rows: pd.DataFrame, what: str) -> pd.Series:
    above, _, below = what.partition("/")
    return rows[above] / rows[below] if below else rows[above]


def _formed(values: pd.Series, form: str) -> str:
    if form.startswith("at most "):
        return f"{int((values <= float(form.removeprefix('at most '))).sum())} of {len(values)}"
    if form.startswith("each "):
        texts = [_number(value, form.removeprefix("each ")) for value in values]
        return ", ".join(text(text is texts[-1]) for text in texts)
    least, most = _number(values.min(), form), _number(values.max(), form)
    return most(True) if least(True) == most(True) else f"{least(False)} to {most(True)}"


def _number(value: float, form: str) -> Callable[[bool], str]:
    """A number in a format: with its unit, or without."""

    def text(unit: bool) -> str:
        if form == "gain":
            return amount(value, "relative", " %" if unit else "")
        return format(value, form).replace("-", MINUS).replace("%", " %" if unit else "")

    return text


def _verdicts(rows: pd.DataFrame) -> str:
    """``of 5 verdicts none is supported, 2 not supported, 3 inconclusive``; what has no results is no verdict."""
    given = rows.verdict[rows.verdict != NOTHING]
    supported, *others = (int((given == verdict).sum()) for verdict in (SUPPORTED, REFUTED, OPEN))
    first = f"{supported or 'none'} {'is' if supported < 2 else 'are'} {SUPPORTED}"
    return f"of {len(given)} verdicts {first}, {others[0] or 'none'} {REFUTED}, {others[1] or 'none'} {OPEN}"


def _lead(rows: pd.DataFrame, method: str, over: str) -> str:
    means = rows.pivot(index=["sampler", "nfe"], columns="method", values="mean")[[method, over]].dropna()
    return f"{int((means[method] < means[over]).sum())} of {len(means)}"
