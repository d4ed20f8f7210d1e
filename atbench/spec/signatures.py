"""Options of perturbations, samplers, objectives and networks, read from their classes without importing them.

A class that may be named in the experiment files says so by an attribute ``kind``. Its options are read from the
source: the annotated fields of a dataclass, the keyword-only parameters of ``build`` or ``__init__``, or the other
parameters of ``__init__``. Annotations are types of `atbench.spec.fields`; a comment at the end of a line says what its
option means.
So a new class declares its name, constants, ranges and defaults in one place, and reading the experiment files costs no
import of torch.
"""

import ast
import builtins
import importlib
import typing
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, reduce
from operator import or_
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from atbench.runtime.errors import unknown
from atbench.spec import fields
from atbench.spec.fields import Entry

PACKAGE = Path(__file__).parent.parent
REQUIRED = object()  # default of an option without one
SELF = ("self", "cls")
GIVEN = "Given"  # annotation of a parameter that the run fills in, not the file
T = typing.TypeVar("T")
Given = Annotated[T, GIVEN]


@dataclass(frozen=True)
class Option:
    """One option of a class: its type, its default or REQUIRED, and what its line says it means."""

    name: str
    type: Any
    default: Any
    note: str = ""


@dataclass(frozen=True)
class Declared:
    """A class that experiment files may name."""

    kind: str  # the name there
    module: str  # where it stands, dotted
    name: str  # of the class
    summary: str  # first paragraph of its docstring
    options: tuple[Option, ...]
    constants: dict[str, Any] = field(default_factory=dict)  # plain class attributes

    def load(self) -> Any:
        """The class itself; imports its module."""
        return getattr(importlib.import_module(self.module), self.name)


@cache
def declared(room: str, where: Literal["fields", "build", "keywords", "arguments"]) -> dict[str, Declared]:
    """Kind -> class, of all classes with a ``kind`` below ``atbench/<room>``.

    where: the options are annotated fields, keyword-only parameters of ``build`` or of ``__init__``, or the other
    parameters of ``__init__``. Raises RuntimeError for two classes of one kind.
    """
    found: dict[str, Declared] = {}
    for file in sorted((PACKAGE / room).glob("*.py")):
        source = file.read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if not isinstance(node, ast.ClassDef) or (kind := _constants(node).get("kind")) is None:
                continue
            if kind in found:
                raise RuntimeError(f"{file}: the kind {kind!r} stands for {found[kind].name} already")
            module = ".".join(("atbench", *Path(room).parts, file.stem)).removesuffix(".__init__")
            found[kind] = _declared(node, kind, module, where, lines)
    return found


def find(room: str, where: Any, what: str, kind: object) -> Any:
    """The class of a kind. Raises UserError naming the known ones for one that no class has."""
    known = declared(room, where)
    if kind not in known:
        raise unknown(what, kind, known)
    return known[str(kind)].load()


def model_of(found: Declared, tag: str = "kind", base: type[Entry] = Entry, tunable: bool = False) -> type[Entry]:
    """The type of an entry that names a class under the key ``tag`` and writes its options beside it.

    tunable: numbers may be written ``tuned``, for a constant of the scale.
    """
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


def _declared(node: ast.ClassDef, kind: str, module: str, where: str, lines: list[str]) -> Declared:
    constants = _constants(node)
    if where == "fields":
        options = [_option(name, field.annotation, field.value, lines) for name, field in _fields(node)]
    else:
        method = "build" if where == "build" else "__init__"
        function = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == method), None)
        options = _parameters(function, where == "arguments", lines) if function else []
    summary = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
    return Declared(kind, module, node.name, summary, tuple(o for o in options if o is not None), constants)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, ast.AnnAssign]]:
    """The annotated fields of a dataclass."""
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not _is_constant(each):
            yield each.target.id, each


def _is_constant(node: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.unparse(node.annotation)


def _parameters(function: ast.FunctionDef, positional: bool, lines: list[str]) -> list[Option | None]:
    arguments = function.args
    if positional:
        names = [argument for argument in arguments.args if argument.arg not in SELF]
        values: list[Any] = [None] * (len(names) - len(arguments.defaults)) + list(arguments.defaults)
    else:
        names, values = arguments.kwonlyargs, list(arguments.kw_defaults)
    return [_option(name.arg, name.annotation, value, lines) for name, value in zip(names, values)]


def _option(name: str, annotation: ast.expr | None, value: ast.expr | None, lines: list[str]) -> Option | None:
    """None for what the run fills in."""
    if annotation is None or ast.unparse(annotation).startswith(GIVEN):
        return None
    scope = {**vars(builtins), **vars(typing), **vars(fields)}
    default = REQUIRED if value is None else ast.literal_eval(value)
    return Option(name, eval(ast.unparse(annotation), scope), default, _note(lines[annotation.lineno - 1]))


def _note(line: str) -> str:
    return line.partition("  # ")[2].strip()


def _constants(node: ast.ClassDef) -> dict[str, Any]:
    """Plain class attributes with a literal value; of an annotated one only a ClassVar."""
    found = {}
    for each in node.body:
        if isinstance(each, ast.Assign):
            target, value = each.targets[0], each.value
        elif isinstance(each, ast.AnnAssign) and _is_constant(each) and each.value is not None:
            target, value = each.target, each.value
        else:
            continue
        if isinstance(target, ast.Name):
            with suppress(ValueError):
                found[target.id] = ast.literal_eval(value)
    return found


def is_number(of: Any) -> bool:
    """Whether an option takes a real number, not a count or a truth value."""
    inner = [typing.get_args(part)[0] if typing.get_origin(part) is Annotated else part for part in _members(of)]
    return float in inner


def _members(of: Any) -> list[Any]:
    is_union = typing.get_origin(of) in (typing.Union, UnionType)
    return [part for part in typing.get_args(of) if part is not NoneType] if is_union else [of]
