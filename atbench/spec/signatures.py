"""The classes that experiment files may name, by their kind: perturbations, samplers, objectives and networks.

A class says so by an attribute ``kind``; its options are read from its source (`atbench.spec.classes`). So a new class
declares its name, constants, ranges and defaults in one place, and reading the experiment files costs no import of
torch. Classes of plugins (`atbench.spec.plugins`) are treated alike.
"""

import re
import typing
from collections.abc import Iterator, Mapping
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from atbench.runtime.errors import UserError, unknown
from atbench.spec import fields, plugins
from atbench.spec.address import NAME
from atbench.spec.classes import PACKAGE, REQUIRED, Class, Declared, Source, Where
from atbench.spec.fields import Entry
from atbench.spec.plugins import Plugin

# Room -> the method by which a class of a plugin, where no folder tells, is known to belong there.
MARKS = {"training/perturbations": "start", "sampling": "build", "training/objectives": "losses"}


class Kinds(Mapping[str, Declared]):
    """Kind -> class of a room, those of plugins included, whatever plugins there are when it is asked."""

    def __init__(self, room: str, where: Where):
        self.room, self.where = room, where

    def __getitem__(self, kind: str) -> Declared:
        return declared(self.room, self.where)[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(declared(self.room, self.where))

    def __len__(self) -> int:
        return len(declared(self.room, self.where))


def declared(room: str, where: Where) -> dict[str, Declared]:
    """Kind -> class, of all classes with a ``kind`` below ``atbench/<room>``, and of that room's in plugins.

    where: the options are annotated fields, keyword-only parameters of ``build`` or of ``__init__``, or the other
    parameters of ``__init__``. Raises RuntimeError for two classes of one kind, UserError where the second is a
    plugin's, or has a kind or option that may not be.
    """
    return _with_plugins(room, where, plugins.present() if room in MARKS else ())


@cache
def _with_plugins(room: str, where: Where, present: tuple[Plugin, ...]) -> dict[str, Declared]:
    found = dict(_own(room, where))
    for plugin in present:
        for of_room, each in offered(plugin):
            if of_room == room and each.kind in found:
                known = found[each.kind]
                raise UserError(f"{plugin}: class {each.node.name}: {known.module} has the kind {each.kind!r} already")
            if of_room == room:
                found[each.kind] = _of_plugin(plugin, each, where)
    return found


def offered(plugin: Plugin) -> Iterator[tuple[str, Class]]:
    """Room and class of all with a kind in a plugin. Raises UserError for one that fits no room."""
    for each in Source(plugin.tree, plugin.lines).classes():
        where = f"{plugin}: class {each.node.name}"
        if not isinstance(each.kind, str) or not re.fullmatch(NAME, each.kind):
            raise UserError(f"{where}: kind {each.kind!r}: must be lower-case letters, digits and single hyphens")
        rooms = [room for room, mark in MARKS.items() if mark in each.methods]
        if len(rooms) != 1:
            marks = "`start` (a perturbation), `build` (a sampler), `losses` (an objective)"
            raise UserError(f"{where}: has a kind, so it needs exactly one of the methods {marks}")
        yield rooms[0], each


def _of_plugin(plugin: Plugin, found: Class, where: Where) -> Declared:
    try:
        return found.declared(str(plugin), where, plugin)
    except Exception as error:  # of an annotation or a default
        reason = "options have types of Python or atbench.spec.fields, defaults are plain values"
        raise UserError(f"{plugin}: class {found.node.name}: {error}: {reason}") from error


@cache
def _own(room: str, where: Where) -> dict[str, Declared]:
    """Those of the package."""
    found: dict[str, Declared] = {}
    for file in sorted((PACKAGE / room).glob("*.py")):
        for each in Source.of(file.read_text(encoding="utf-8")).classes():
            if each.kind in found:
                raise RuntimeError(f"{file}: the kind {each.kind!r} stands for {found[each.kind].name} already")
            module = ".".join(("atbench", *Path(room).parts, file.stem)).removesuffix(".__init__")
            found[each.kind] = each.declared(module, where)
    return found


def hashes(**kinds: Declared | None) -> dict[str, str]:
    """What a digest and a record say of classes that come from plugins: what it is -> SHA-256 of the file."""
    found = {f"{room} {each.kind}": each.plugin for room, each in kinds.items() if each is not None}
    return {name: plugin.sha256 for name, plugin in found.items() if plugin}


def find(room: str, where: Any, what: str, kind: object) -> Any:
    """The class of a kind. Raises UserError naming the known ones for one that no class has."""
    known = declared(room, where)
    if kind not in known:
        raise unknown(what, kind, known)
    return known[str(kind)].load()


@cache
def model_of(found: Declared, tag: str = "kind", base: type[Entry] = Entry, tunable: bool = False) -> type[Entry]:
    """The type of an entry that names a class under the key ``tag`` and writes its options beside it.

    tunable: numbers may be written ``tuned``, for a constant of the scale. Raises UserError for an option whose name
    is that of a key which every entry has.
    """
    for option in found.options:
        if option.name in (tag, *base.model_fields):
            raise UserError(f"{found.module}: class {found.name}: option {option.name!r}: every entry has such a key")
    members: dict[str, Any] = {tag: (Literal[found.kind], ...)}
    for option in found.options:
        of = option.type | fields.Tunable if tunable and is_number(option.type) else option.type
        default = ... if option.default is REQUIRED else option.default
        members[option.name] = (of, Field(default, description=option.note or None))
    return create_model(f"{found.name}Options", __base__=base, __doc__=found.summary, **members)


def plain_model(found: Declared) -> type[Entry]:
    """The type of an entry that writes the options of a class alone."""
    members: dict[str, Any] = {
        option.name: (
            option.type,
            Field(... if option.default is REQUIRED else option.default, description=option.note or None),
        )
        for option in found.options
    }
    return create_model(f"{found.name}Options", __base__=Entry, __doc__=found.summary, **members)


def any_of(models: list[type[Entry]], tag: str = "kind") -> Any:
    """The union of entries that their ``tag`` tells apart."""
    return Annotated[reduce(or_, models), Field(discriminator=tag)] if len(models) > 1 else models[0]


def is_number(of: Any) -> bool:
    """Whether an option takes a real number, not a count or a truth value."""
    inner = [typing.get_args(part)[0] if typing.get_origin(part) is Annotated else part for part in _members(of)]
    return float in inner


def _members(of: Any) -> list[Any]:
    is_union = typing.get_origin(of) in (typing.Union, UnionType)
    return [part for part in typing.get_args(of) if part is not NoneType] if is_union else [of]
