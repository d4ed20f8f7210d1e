"""Records of one scale, read from either form: a JSON each, as jobs write them, or lines of packs, as released."""

from dataclasses import dataclass
from pathlib import Path

from atbench.reading import packs
from atbench.reading.packs import Record
from atbench.runtime.errors import UserError
from atbench.runtime.files import check_cell, read_json
from atbench.spec.address import ROOT, Cell, Run, is_cell, is_run, parse_cell

CELLS, RUNS = "cells.jsonl", "runs.jsonl"  # the packs of a suite: its cells, and all else that is recorded of its runs


@dataclass(frozen=True)
class Tree:
    """The results of one scale below ``root``, local or released. A record's own file goes before a line of a pack."""

    root: Path

    def folder(self, run: Run) -> Path:
        """Where a run lies."""
        return self.root / run.suite / run.method / f"seed{run.seed}"

    def path(self, cell: Cell) -> Path:
        """Where a cell lies as a file of its own: its name in either form."""
        return self.folder(cell.run) / cell.step / cell.path.name

    def cell(self, cell: Cell) -> Record | None:
        """The record of a cell, None where there is none. Raises UserError for a broken one and for another cell's."""
        path = self.path(cell)
        record = self.read(path)
        if record is None:
            return None
        check_cell(path, record)
        if record["cell"] != cell.axes:
            raise UserError(f"{path}: the block cell names another cell")
        return record

    def read(self, path: Path) -> Record | None:
        """The JSON at ``path`` below the root, None where there is none. Raises UserError for a broken one."""
        source = self.source(path)
        if source is None or source == path:
            return read_json(path) if source else None
        try:
            return packs.read(source).record(self._line(path))
        except UserError as error:
            raise UserError(f"{source}: {error}") from error

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

    def _line(self, path: Path) -> str:
        """What a line of a pack calls a record."""
        return Path(*path.relative_to(self.root).parts[1:]).as_posix()


def pack_of(name: str) -> str | None:
    """The pack that a record of a run belongs to, both as paths below a scale's root; None for any other file."""
    address = f"{ROOT}/{name}"  # the forms are the same below any folder
    suite, *rest = Path(name).parts
    if is_cell(address):
        return f"{suite}/{CELLS}"
    of_run = len(rest) > 2 and is_run("/".join([ROOT, suite, *rest[:2]]))
    return f"{suite}/{RUNS}" if of_run and name.endswith(".json") else None
