"""Names in a file that another file declares, found through the types of its keys (`atbench.spec.fields.Refers`)."""

import typing
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union

from atbench.spec.fields import Entry, Refers


class Reference(NamedTuple):
    """One name: where it stands, what kind of thing it names, and the name."""

    key: str
    kind: str
    name: str


def references(entry: Entry, key: str = "") -> Iterator[Reference]:
    """Every name in ``entry`` that another file declares, in the order of its keys."""
    for name, field in type(entry).model_fields.items():
        of = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        yield from _within(of, getattr(entry, name), f"{key}.{field.alias or name}".lstrip("."))


def _within(of: Any, value: Any, key: str) -> Iterator[Reference]:
    origin, parts = typing.get_origin(of), typing.get_args(of)
    if isinstance(value, Entry):
        yield from references(value, key)
    elif origin is Annotated:
        yield from (
            Reference(key, mark.kind, value) for mark in parts[1:] if isinstance(mark, Refers) and value is not None
        )
        yield from _within(parts[0], value, key)
    elif origin in (Union, UnionType):
        for member in parts:
            if _may_be(member, value):
                yield from _within(member, value, key)
    elif isinstance(value, dict) and origin is dict:
        for name, item in value.items():
            yield from _within(parts[0], name, key)
            yield from _within(parts[1], item, f"{key}.{name}")
    elif isinstance(value, tuple | list) and parts:
        for place, item in enumerate(value):
            yield from _within(parts[0], item, f"{key}.{place}" if isinstance(item, Entry) else key)


def _may_be(of: Any, value: Any) -> bool:
    """Whether a member of a union can be the one that ``value`` belongs to."""
    of = typing.get_args(of)[0] if typing.get_origin(of) is Annotated else of
    origin = typing.get_origin(of) or of
    return isinstance(origin, type) and isinstance(value, origin)
