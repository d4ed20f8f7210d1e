"""Tables of the page: the printed entries of a `Table`, each with its number for sorting and the key of its origin."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from atbench.report.render import MINUS, Markup, Table

HTML = Markup("±", MINUS, "—", "†", "<strong>{}</strong>", html.escape)
NUMBER = re.compile(rf"[-+{MINUS}]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?")
LAST = 1e300  # where an entry without a number is sorted
Keyed = Callable[[tuple[str, str], str], str]  # (row's two names, column) -> key of the origin, or nothing


@dataclass(frozen=True)
class Entry:
    """One entry: HTML, the value by which its column is sorted, and the key under which its origin is embedded."""

    text: str
    order: float | str
    origin: str = ""
    below: str = ""  # HTML below it


@dataclass(frozen=True)
class Grid:
    """A table of the page. ``names`` head the first columns, which say what a row is; ``columns`` head its entries."""

    identifier: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[tuple[list[str], list[Entry]]]
    caption: str
    prose: bool = False


def from_table(identifier: str, table: Table, keyed: Keyed | None = None) -> Grid:
    """The same entries as in the Markdown file of ``table``."""
    text = table.text(HTML).fillna(HTML.dash)  # of a table whose rows have different columns
    first = [str(name) for name in text.index.names]
    rows = [(list(map(str, index)), _entries(index, row, keyed)) for index, row in text.iterrows()]
    return Grid(identifier, tuple(first), tuple(map(str, text.columns)), rows, table.caption, table.prose)


def _entries(index: tuple[str, str], row: pd.Series, keyed: Keyed | None) -> list[Entry]:
    plain = tuple(html.unescape(name) for name in index)
    return [
        Entry(text, order(text), keyed(plain, str(column)) if keyed and text != HTML.dash else "")
        for column, text in row.items()
    ]


def order(text: str) -> float:
    """The first number of an entry; LAST for one without."""
    found = NUMBER.search(html.unescape(re.sub(r"<[^>]*>", "", text)))
    return float(found[0].replace(MINUS, "-").replace(",", "")) if found else LAST


def narrowed(grid: Grid, most: int) -> Grid:
    """A table of more than ``most`` columns and fewer rows with both exchanged; any other table as it is.

    Of its rows' names the last alone is kept, so they must differ.
    """
    heads = tuple(names[-1] for names, _ in grid.rows)
    if len(grid.columns) <= most or len(heads) >= len(grid.columns) or len(set(heads)) < len(heads):
        return grid
    rows = [
        ([html.escape(column)], [entries[place] for _, entries in grid.rows])
        for place, column in enumerate(grid.columns)
    ]
    return Grid(grid.identifier, ("Number",), tuple(map(html.unescape, heads)), rows, grid.caption, grid.prose)
