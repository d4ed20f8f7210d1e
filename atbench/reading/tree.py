"""Records of one scale, read from either form: a JSON each, as jobs write them, or lines of packs, as released.

What is read is believed by its seal, or, where it is released, by the hash in the scale's manifest; and by its form.
"""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from atbench.reading import packs
from atbench.runtime.errors import UserError
from atbench.runtime.files import known_hash
from atbench.runtime.json_files import read_json
from atbench.runtime.provenance import PROTOCOL
from atbench.runtime.records import Record, read_record, unsealed
from atbench.spec.address import ROOT, Cell, Run, is_cell, is_run, parse_cell
from atbench.spec.benchmark import Benchmark
from atbench.spec.form import Form
from atbench.spec.records import CellForm, ManifestForm, RunForm

MANIFEST = "manifest.json"  # of a released scale: its files, by hash
CELLS, RUNS = "cells.jsonl", "runs.jsonl"  # the packs of a suite: its cells, and all else that is recorded of its runs


@dataclass(frozen=True)
class Tree:
    """The results of one scale below ``root``, local or released. A record's own file goes before a line of a pack."""

    root: Path

    @property
    def protocol(self) -> int:
        """What its results were made under: of released ones, as the manifest says; of local ones, that of today."""
        listed = _manifest_of(self.root)
        return PROTOCOL if listed is None else int(listed.get("protocol", 1))

    def folder(self, run: Run) -> Path:
        """Where a run lies."""
        return self.root / run.suite / run.method / f"seed{run.seed}"

    def path(self, cell: Cell) -> Path:
        """Where a cell lies as a file of its own: its name in either form."""
        return self.folder(cell.run) / cell.step / cell.path.name

    def cell(self, cell: Cell) -> Record | None:
        """The record of a cell, None where there is none. Raises UserError as `read` does, and for another cell's."""
        path = self.path(cell)
        record = self.read(path, CellForm)
        if record is not None and record["cell"] != cell.axes:
            raise UserError(f"{path}: the block cell names another cell")
        return record

    def run(self, run: Run) -> Record | None:
        """The ``config.json`` of a run, None where there is none. Raises UserError as `read` does."""
        return self.read(self.folder(run) / run.record.name, RunForm)

    def read(self, path: Path, form: type[Form]) -> Record | None:
        """The record at ``path`` below the root, None where there is none.

        Raises UserError for one that is cut off, was changed by hand or since its release, or is not of its form.
        """
        source = self.source(path)
        if source is None:
            return None
        own = read_json if self.check_listed(source) else read_record
        record = unsealed(own(path) if source == path else self._from_pack(source, path))
        form.check(path, record)
        return record

    def shown(self, path: Path, form: type[Form]) -> Record | None:
        """The same for a page: one that is refused is named in a line of standard error, and is a gap."""
        try:
            return self.read(path, form)
        except UserError as error:
            name_once(str(error))
            return None

    def listed(self, source: Path) -> str | None:
        """SHA-256 of a file by the manifest; None where that does not list it."""
        return manifest(self.root).get(source.relative_to(self.root).as_posix())

    def check_listed(self, source: Path) -> bool:
        """Whether the manifest lists a file. Raises UserError where it lists another content."""
        wanted = self.listed(source)
        if wanted is not None and known_hash(source) != wanted:
            raise UserError(f"{source}: not what {MANIFEST} lists: it was changed since its release")
        return wanted is not None

    def _from_pack(self, pack: Path, path: Path) -> Record:
        try:
            record = packs.read(pack).record(self._line(path))
        except UserError as error:
            raise UserError(f"{pack}: {error}") from error
        assert record is not None, f"{pack}: no line for {path}"
        return record

    def source(self, path: Path) -> Path | None:
        """The file that `read` reads: ``path`` itself, or the pack with a line for it; None where there is neither."""
        if path.exists():
            return path
        name = pack_of(path.relative_to(self.root).as_posix())
        if name is None or not packs.read(self.root / name).holds(self._line(path)):
            return None
        return self.root / name

    def cells(self, scale: str, suite: str) -> list[Cell]:
        """The cells of a suite that are there, in order of their paths."""
        folder = self.root / suite
        names = {path.relative_to(folder).as_posix() for path in folder.glob("*/seed*/*/*.json")}
        names |= packs.read(folder / CELLS).names
        addresses = [str(Path(ROOT, scale, suite, name)) for name in sorted(names, key=Path)]
        return [parse_cell(address) for address in addresses if is_cell(address)]

    def suites(self, benchmark: Benchmark) -> list[str]:
        """The suites of a scale of which there are cells, in its order."""
        return [name for name in benchmark.suites if self.cells(benchmark.scale, name)]

    def _line(self, path: Path) -> str:
        """What a line of a pack calls a record."""
        return Path(*path.relative_to(self.root).parts[1:]).as_posix()


def manifest(root: Path) -> dict[str, str]:
    """Files of a released scale by their hashes; nothing for a local one. Raises UserError for a broken manifest."""
    return dict((_manifest_of(root) or {"files": {}})["files"])


def _manifest_of(root: Path) -> Record | None:
    path = Path(root, MANIFEST)
    return _manifest(path, known_hash(path)) if path.exists() else None


@cache
def _manifest(path: Path, content: str) -> Record:
    listed = unsealed(read_json(path))
    ManifestForm.check(path, listed)
    return listed


def of_its_time(benchmark: Benchmark, root: Path) -> Benchmark:
    """A benchmark under the protocol of the results below ``root``."""
    return benchmark.under(Tree(root).protocol)


@cache
def name_once(line: str) -> None:
    """Name a fault on standard error, once, however many pages would have shown what has it."""
    print(f"atbench: {line}", file=sys.stderr, flush=True)


def pack_of(name: str) -> str | None:
    """The pack that a record of a run belongs to, both as paths below a scale's root; None for any other file."""
    address = f"{ROOT}/{name}"  # the forms are the same below any folder
    suite, *rest = Path(name).parts
    if is_cell(address):
        return f"{suite}/{CELLS}"
    of_run = len(rest) > 2 and is_run("/".join([ROOT, suite, *rest[:2]]))
    return f"{suite}/{RUNS}" if of_run and name.endswith(".json") else None
