"""Code from outside the package: Python files listed under `plugins:` in config.yaml, and installed entry points.

Nothing else loads code. The list stands in config.yaml because that is the one file that every verb, every scale and
every job reads: methods.yaml and samplers.yaml, which name what a plugin offers, are shared by all scales too.

A file is read once: what runs is what was hashed, and the experiment files are checked without running it.
"""

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from hashlib import sha256
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from atbench.runtime.errors import UserError
from atbench.runtime.files import read_bytes
from atbench.spec import yaml
from atbench.spec.yaml import read_yaml, short

KEY = "experiments/config.yaml: plugins"  # how refusals begin
# Groups of entry points -> what a class or module there is.
GROUPS = {f"atbench.{room}s": room for room in ("perturbation", "sampler", "objective", "metric")}
INERT = ("perturbation", "sampler", "objective")  # until an experiment file names their kind
MOST_BYTES = 1 << 20  # of a file


@dataclass(frozen=True)
class Plugin:
    """A Python file whose classes and metrics may be named like the package's own."""

    file: Path
    sha256: str  # of the file; of an installed package, of all its Python files
    source: bytes = field(repr=False, compare=False)
    module: str = ""  # of an installed one, dotted

    def __str__(self) -> str:
        """How messages name it."""
        return self.module or short(self.file)

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree. Raises UserError for what is no Python."""
        try:
            return ast.parse(self.source)
        except (SyntaxError, ValueError) as error:
            where = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
            raise UserError(f"{self}{where}: no Python: {getattr(error, 'msg', error)}") from error

    @cached_property
    def lines(self) -> list[str]:
        """Its source by lines."""
        return self.source.decode(errors="replace").splitlines()

    def load(self) -> ModuleType:
        """The module; runs the source that was hashed. Raises UserError for one that fails as it is imported."""
        name = self.module or f"atbench_plugin_{self.file.stem}_{self.sha256[:8]}"
        if name in sys.modules:
            return sys.modules[name]
        try:
            return importlib.import_module(name) if self.module else self._run(name)
        except Exception as error:
            sys.modules.pop(name, None)
            raise UserError(f"{self}: cannot be imported ({type(error).__name__}: {error})") from error

    def _run(self, name: str) -> ModuleType:
        module = ModuleType(name, self.file.name)
        module.__file__ = str(self.file)
        sys.modules[name] = module  # where dataclasses look for it
        exec(compile(self.source, self.file, "exec"), module.__dict__)
        return module


def read(path: Path) -> Plugin:
    """The plugin in a file. Raises UserError for one that is missing, no Python file or no Python."""
    if path.suffix != ".py":
        raise UserError(f"{short(path)}: no Python file (.py)")
    path, source = path.resolve(), read_bytes(path, MOST_BYTES)
    plugin = Plugin(path, sha256(source).hexdigest(), source)
    plugin.tree  # noqa: B018 (raises for what is no Python)
    return plugin


def present() -> tuple[Plugin, ...]:
    """The plugins that there are. Raises UserError naming the one that is missing or wrong."""
    listed = _listed(yaml.EXPERIMENTS)
    return tuple(dict.fromkeys([*listed, *_further])) if _further else listed


_further: list[Plugin] = []


@contextmanager
def added(plugin: Plugin) -> Iterator[None]:
    """Have a plugin for a while that no file lists: one that is being written and tried."""
    _further.append(plugin)
    try:
        yield
    finally:
        _further.remove(plugin)


@cache
def _listed(experiments: Path) -> tuple[Plugin, ...]:
    """Those of config.yaml, in its order, then installed ones that do nothing until a file names their kind."""
    installed = {room: entry_points(group=group) for group, room in GROUPS.items()}
    metrics = {entry.name: entry for entry in installed["metric"]}
    found = []
    for written in _written(experiments / "config.yaml"):
        try:
            if written in metrics:  # which every cell would have: only where somebody asks for it
                found.append(_installed(metrics[written]))
            else:
                found.append(read(experiments.parent / Path(written).expanduser()))
        except UserError as error:
            raise UserError(f"{KEY}: {error}") from error
    return (*found, *(_installed(entry) for room in INERT for entry in installed[room]))


def _written(config: Path) -> list[str]:
    written = read_yaml(config).get("plugins", [])
    if not isinstance(written, list) or not all(isinstance(each, str) and each for each in written):
        raise UserError(f"{KEY}: must be a list of Python files, or of names of installed metrics")
    return written


def _installed(entry: EntryPoint) -> Plugin:
    """The module of an entry point, found without running more than the packages above it."""
    try:
        spec = importlib.util.find_spec(entry.module)
    except Exception as error:
        raise UserError(f"entry point {entry.name} ({entry.value}): {type(error).__name__}: {error}") from error
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        raise UserError(f"entry point {entry.name} ({entry.value}): no such Python module")
    file = Path(spec.origin)
    source = read_bytes(file, MOST_BYTES)
    return Plugin(file, _package_hash(entry.module, file) or sha256(source).hexdigest(), source, entry.module)


def _package_hash(module: str, file: Path) -> str | None:
    """SHA-256 of all Python files of the package that a module stands in; None for one that stands in none."""
    depth = module.count(".") + (file.stem == "__init__")
    if not depth:
        return None
    root, hasher = file.parents[depth - 1], sha256()
    for each in sorted(root.rglob("*.py")):
        hasher.update(each.relative_to(root).as_posix().encode())
        hasher.update(each.read_bytes())
    return hasher.hexdigest()
