"""The page read back: its tables as text, what it embeds, and what it points to."""

import base64
import gzip
import json
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path


@dataclass
class Row:
    """A row of a table: texts of its entries, and the keys of the origins among them."""

    texts: list[str] = field(default_factory=list)
    origins: list[str] = field(default_factory=list)


class OpenedPage(HTMLParser):
    """What a browser would find in the page before it runs a script."""

    def __init__(self, path: Path):
        super().__init__()
        self.text = path.read_text(encoding="utf-8")
        self.tables: dict[str, list[Row]] = {}
        self.addresses: list[str] = []  # of src and href
        self.blobs: dict[str, str] = {}
        self.words = ""  # outside scripts and styles
        self._table, self._inside = "", ""
        self.feed(self.text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.addresses += [given[key] or "" for key in ("src", "href") if key in given]
        if tag == "table":
            self._table = given["id"] or ""
            self.tables[self._table] = []
        elif tag == "tr" and self._table:
            self.tables[self._table].append(Row())
        elif tag in ("td", "th") and self._table:
            self.tables[self._table][-1].texts.append("")
        elif tag == "button" and self._table:
            self.tables[self._table][-1].origins.append(given["data-origin"] or "")
        elif tag in ("script", "style"):
            self._inside = given.get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        self._table = "" if tag == "table" else self._table
        self._inside = "" if tag in ("script", "style") else self._inside

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.blobs[self._inside] = self.blobs.get(self._inside, "") + data
            return
        self.words += data
        if self._table and self.tables[self._table] and self.tables[self._table][-1].texts:
            self.tables[self._table][-1].texts[-1] += data

    @cached_property
    def data(self) -> dict:
        """What the page's own script reads."""
        return json.loads(gzip.decompress(base64.b64decode(self.blobs["data"])))

    def body(self, table: str) -> list[list[str]]:
        """The texts of a table's rows, its head left out."""
        return [[text.strip() for text in row.texts] for row in self.tables[f"table-{table}"][1:]]

    def origins(self) -> list[str]:
        """The keys that numbers in tables point to."""
        return [
            key for rows in self.tables.values() for row in rows for origin in row.origins for key in origin.split()
        ]
