"""What a verb lists: one value, printed as JSON or as words that are made from that value alone."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Value = dict[str, Any]  # what JSON holds


@dataclass(frozen=True)
class Grid:
    """A table of texts; the first ``named`` columns are words, the others numbers, which stand to the right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    named: int = 1

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.heads, *self.rows)]
        return "\n".join(self._line(texts, widths) for texts in (self.heads, *self.rows))

    def _line(self, texts: tuple[str, ...], widths: list[int]) -> str:
        padded = (
            text.ljust(width) if place < self.named else text.rjust(width)
            for place, (text, width) in enumerate(zip(texts, widths))
        )
        return "  ".join(padded).rstrip()


@dataclass(frozen=True)
class Listing:
    """A value and how it is put into words: lines and tables, which know nothing but the value."""

    value: Value
    words: Callable[[Value], Iterable[str | Grid]]

    @property
    def parts(self) -> list[str | Grid]:
        """Lines and tables, in their order."""
        return list(self.words(self.value))

    def __str__(self) -> str:
        return "\n".join(map(str, self.parts))

    @property
    def json(self) -> str:
        """The value as one JSON document."""
        return document(self.value)


def listing(value: Mapping[str, Any], words: Callable[[Value], Iterable[str | Grid]]) -> Listing:
    """A listing of ``value`` as JSON can hold it: a number that is not finite becomes null, a tuple a list."""
    return Listing(_plain(value), words)


def document(value: Value) -> str:
    """A value as the text of one JSON document."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value.item() if hasattr(value, "item") else value  # numpy's own integers and truths
