"""What a class says of its options, read from its source without running it.

Options are the annotated fields of a dataclass, the keyword-only parameters of ``build`` or ``__init__``, or the other
parameters of ``__init__``. Annotations are types of `atbench.spec.fields` and `.corrections`; a comment at the end of a
line says what its option means. What a class inherits from its own file and from the package is read too.
"""

import ast
import builtins
import importlib
import typing
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from atbench.spec import corrections, fields
from atbench.spec.plugins import Plugin

PACKAGE = Path(__file__).parent.parent
REQUIRED = object()  # default of an option without one
SELF = ("self", "cls")
GIVEN = "Given"  # annotation of a parameter that the run fills in, not the file
T = typing.TypeVar("T")
Given = Annotated[T, GIVEN]
Where = Literal["fields", "build", "keywords", "arguments"]


@dataclass(frozen=True)
class Option:
    """One option of a class: its type, its default or REQUIRED, and what its line says it means."""

    name: str
    type: Any
    default: Any
    note: str = ""


@dataclass(frozen=True, eq=False)
class Declared:
    """A class that experiment files may name."""

    kind: str  # the name there
    module: str  # where it stands, dotted
    name: str  # of the class
    summary: str  # first paragraph of its docstring
    options: tuple[Option, ...]
    constants: dict[str, Any] = field(default_factory=dict)  # plain class attributes, inherited ones too
    plugin: Plugin | None = None  # the file outside the package that it comes from

    def load(self) -> Any:
        """The class itself; imports its module."""
        module = self.plugin.load() if self.plugin else importlib.import_module(self.module)
        return getattr(module, self.name)


@dataclass(frozen=True)
class Source:
    """A Python file as text."""

    tree: ast.Module
    lines: list[str]

    @classmethod
    def of(cls, text: str) -> "Source":
        return cls(ast.parse(text), text.splitlines())

    def classes(self) -> "Iterator[Class]":
        """Its classes with a ``kind``."""
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef) and "kind" in constants_of(node):
                yield Class(self, node)


@dataclass(frozen=True)
class Class:
    """A class in a file."""

    source: Source
    node: ast.ClassDef

    @property
    def kind(self) -> Any:
        return constants_of(self.node)["kind"]

    @property
    def line(self) -> "list[Class]":
        """The class, then those that it inherits from, of its own file and of the package."""
        found = [self]
        for base in map(ast.unparse, self.node.bases):
            for each in self.source.tree.body:
                if isinstance(each, ast.ClassDef) and each.name == base and each is not self.node:
                    found += Class(self.source, each).line
                elif isinstance(each, ast.ImportFrom) and (each.module or "").startswith("atbench."):
                    found += _imported(each, base)
        return found

    @property
    def methods(self) -> set[str]:
        """Names of its methods, inherited ones too."""
        return {each.name for one in self.line for each in one.node.body if isinstance(each, ast.FunctionDef)}

    def declared(self, module: str, where: Where, plugin: Plugin | None = None) -> Declared:
        """What it says of itself. Raises what evaluating an annotation or a default raises."""
        constants: dict[str, Any] = {}
        for one in reversed(self.line):
            constants |= constants_of(one.node)
        summary = " ".join((ast.get_docstring(self.node) or "").split("\n\n")[0].split())
        options = {option.name: option for option in self._options(where) if option is not None}
        return Declared(self.kind, module, self.node.name, summary, tuple(options.values()), constants, plugin)

    def _options(self, where: Where) -> Iterator[Option | None]:
        if where == "fields":
            if not _is_dataclass(self.node) and [*_fields(self.node)]:
                raise TypeError("it has annotated fields, but is no @dataclass")
            for one in filter(lambda one: _is_dataclass(one.node), reversed(self.line)):
                yield from (_option(each.target.id, each.annotation, each.value, one) for each in _fields(one.node))
            return
        method = "build" if where == "build" else "__init__"
        for one in self.line:
            for each in one.node.body:
                if isinstance(each, ast.FunctionDef) and each.name == method:
                    yield from _parameters(each, where == "arguments", one)
                    return


def constants_of(node: ast.ClassDef) -> dict[str, Any]:
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


def _imported(statement: ast.ImportFrom, name: str) -> list[Class]:
    """The class of the package that ``name`` stands for by an import, and those that it inherits from."""
    names = {alias.asname or alias.name: alias.name for alias in statement.names}
    source = _source_of(str(statement.module)) if name in names else None
    body = source.tree.body if source else []
    found = [node for node in body if isinstance(node, ast.ClassDef) and node.name == names[name]]
    return [one for node in found for one in Class(typing.cast(Source, source), node).line]


@cache
def _source_of(module: str) -> Source | None:
    """A module of the package."""
    path = PACKAGE.parent.joinpath(*module.split("."))
    files = [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return Source.of(files[0].read_text(encoding="utf-8")) if files else None


def _fields(node: ast.ClassDef) -> Iterator[Any]:
    """The annotated fields of a dataclass, but those of its own (`_mean`), which it keeps between batches."""
    for each in node.body:
        is_field = isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and not _is_constant(each)
        if is_field and not each.target.id.startswith("_"):  # type: ignore[attr-defined]
            yield each


def _is_dataclass(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(each) for each in node.decorator_list)


def _is_constant(node: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.unparse(node.annotation)


def _parameters(function: ast.FunctionDef, positional: bool, of: Class) -> Iterator[Option | None]:
    arguments = function.args
    if positional:
        names = [argument for argument in arguments.args if argument.arg not in SELF]
        values: list[Any] = [None] * (len(names) - len(arguments.defaults)) + list(arguments.defaults)
    else:
        names, values = arguments.kwonlyargs, list(arguments.kw_defaults)
    for name, value in zip(names, values):
        yield _option(name.arg, name.annotation, value, of)


def _option(name: str, annotation: ast.expr | None, value: ast.expr | None, of: Class) -> Option | None:
    """None for what the run fills in."""
    if annotation is None or ast.unparse(annotation).startswith(GIVEN):
        return None
    scope = {**vars(builtins), **vars(typing), **vars(fields), **vars(corrections)}
    default = REQUIRED if value is None else ast.literal_eval(value)
    note = of.source.lines[annotation.lineno - 1].partition("  # ")[2].strip()
    return Option(name, eval(ast.unparse(annotation), scope), default, note)
