"""Where numbers come from: the records behind them, by keys that tables and figures can name."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.runtime.files import visible
from atbench.runtime.records import Record
from atbench.spec.address import FINAL, Cell, Run
from atbench.spec.benchmark import Suite
from atbench.spec.form import AnyForm

Origin = dict[str, Any]  # path, seed where there is one, status, problem, and the record
Origins = dict[str, list[Origin]]  # key -> a record per seed
BLOCKS = ("counts", "config", "inputs", "settings", "seconds", "provenance")  # of a record that holds more than numbers


def cell_key(suite: str, method: str, step: str, sampler: str, nfe: int) -> str:
    """The key of a cell of every seed."""
    return f"{suite}/{method}/{step}/{sampler}-nfe{int(nfe)}"


def of_cells(root: Path, frame: pd.DataFrame) -> Origins:
    """The records of the cells in ``frame``, which comes from `tidy.collect` or `points.collect`, seed by seed."""
    found: dict[Path, tuple[str, Origin]] = {}
    tree = Tree(Path(root))
    for row in frame[frame.status != "missing"].itertuples():
        cell = Cell(Run(row.scale, row.suite, row.method, int(row.seed)), row.step, row.sampler, int(row.nfe))
        path = tree.path(cell)
        key = cell_key(row.suite, row.method, row.step, row.sampler, row.nfe)
        if path not in found:
            said = {"status": row.status, "problem": row.problem if isinstance(row.problem, str) else ""}
            found[path] = key, {"path": str(path), "seed": int(row.seed), **said, "record": _cell(tree, cell)}
    return _sorted(found.values())


def of_references(root: Path) -> Origins:
    """The records of image sets that no method made: reference rows and sets scored beside them, by their files."""
    found = []
    for path in visible(Path(root), "reference/*.json") + visible(Path(root), "foreign/*.json"):
        record = Tree(Path(root)).shown(path, AnyForm)
        if record is not None:
            said = {"path": str(path), "seed": None, "status": "done", "problem": ""}
            found.append((reference_key(path), said | {"record": record}))
    return _sorted(found)


def reference_key(path: Path) -> str:
    """The key of a file of reference rows, or of a foreign set."""
    return f"{path.parent.name}/{path.stem}"


def of_probe(suite: Suite, root: Path, probe: Any, seeds: list[int]) -> Origins:
    """What a side measure recorded of a suite's runs: all blocks but the numbers that its figures draw."""
    found, tree = [], Tree(Path(root))
    for run in suite.runs(seeds):
        path = tree.folder(run.address) / FINAL / f"{probe.name}.json"
        record = tree.shown(path, probe.form)
        if record is not None:
            said = {"path": str(path), "seed": run.address.seed, "status": "done", "problem": ""}
            blocks = {name: record[name] for name in BLOCKS if name in record}
            found.append((probe_key(suite.name, run.address.method, probe.name), said | {"record": blocks}))
    return _sorted(found)


def of_scale_probe(root: Path, probe: Any) -> Origins:
    """What a side measure recorded of a scale, likewise."""
    path = Path(root, f"{probe.name}.json")
    record = Tree(Path(root)).shown(path, probe.form)
    if record is None:
        return {}
    blocks = {name: record[name] for name in BLOCKS if name in record}
    return {
        scale_key(probe.name): [{"path": str(path), "seed": None, "status": "done", "problem": "", "record": blocks}]
    }


def scale_key(probe: str) -> str:
    """The key of a side measure of a scale."""
    return f"scale/{probe}"


def probe_key(suite: str, method: str, probe: str) -> str:
    """The key of a side measure of a method's runs."""
    return f"{suite}/{method}/{probe}"


def _cell(tree: Tree, cell: Cell) -> Record | None:
    try:
        record = tree.cell(cell)
    except UserError:  # the frame says what is wrong with it
        return None
    return record and {name: block for name, block in record.items() if name != "cell"}


def _sorted(found: Iterable[tuple[str, Origin]]) -> Origins:
    made: Origins = {}
    for key, origin in found:
        made.setdefault(key, []).append(origin)
    return {key: sorted(rows, key=lambda row: row["seed"] or 0) for key, rows in sorted(made.items())}
