"""Whether a result still rests on what it says: settings of today, and the files that it was made from.

Files are compared where they exist: a released record outlives its weights.
"""

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.runtime.files import known_hash
from atbench.runtime.records import Record
from atbench.spec.address import FINAL, Run
from atbench.spec.judging import Judging
from atbench.spec.records import RowsForm
from atbench.spec.run import CellSpec, RunSpec


def of_cell(tree: Tree, cell: CellSpec, record: Record) -> str:
    """In words, what of the record of a cell is no longer so; empty when all of it is."""
    changed = [part for part, value in cell.digests.items() if record["config"].get(part) != value]
    if changed:
        return _another_protocol(cell.run, record) or f"{' and '.join(changed)} configuration changed"
    samples = cell.run.suite.evaluation.samples
    if record["counts"]["samples"] != samples:
        return f"of {record['counts']['samples']} samples, not {samples}"
    return _of_inputs(record["inputs"], inputs_there(tree, cell))


def of_run(tree: Tree, run: RunSpec, record: Record, most: float = math.inf) -> str:
    """The same of the record of a run. Of files of more than ``most`` bytes the size is compared alone."""
    if record["digest"] != run.digest:
        return _another_protocol(run, record) or "training configuration changed"
    folder, files = tree.folder(run.address), record.get("files", {})
    there = {name: folder / name for name in files if (folder / name).is_file()}
    sizes = {name: path.stat().st_size for name, path in there.items()}
    resized = [name for name, size in sizes.items() if size != files[name]["bytes"]]
    if resized:
        return f"{' and '.join(resized)} changed since"
    said = {name: file["sha256"] for name, file in files.items()}
    return _of_inputs(said, {name: known_hash(path) for name, path in there.items() if sizes[name] <= most})


def of_rows(tree: Tree, judging: Judging, record: Record) -> str:
    """The same of the rows beside a suite's cells."""
    return _of_inputs({"extractor": record["extractor"]["hash"]}, extractor_there(tree, judging))


def of_measure(tree: Tree, run: RunSpec, record: Record, digests: dict[str, str]) -> str:
    """The same of a side measure of a run, which is current with ``digests``."""
    if record["config"] != digests:
        return "configuration changed"
    weights = _weights(tree, run.address)
    return _of_inputs(record.get("inputs", {}), {"weights": weights} if weights else {})


def _another_protocol(run: RunSpec, record: Record) -> str:
    said, wanted = record["provenance"].get("protocol", 1), run.judging.protocol
    return "" if said == wanted else f"made under protocol {said}, not {wanted}"


def inputs_there(tree: Tree, cell: CellSpec) -> dict[str, str]:
    """The hashes of what a cell was made from, of the files that are there."""
    run, judging = cell.run, cell.run.judging
    found = {"weights": _weights(tree, run.address, cell.address.step)}
    if (reference := tree.root / "reference" / judging.reference_path().name).exists():
        found["reference"] = reference_there(tree, reference.with_name(judging.rows_path().name))
    if run.autoencoder is not None:
        found["autoencoder"] = _weights(tree, run.autoencoder.address)
    return {name: value for name, value in found.items() if value} | extractor_there(tree, judging)


def extractor_there(tree: Tree, judging: Judging) -> dict[str, str]:
    """The hash of the weights of an extractor of the scale's own; none with cross checks, hashed with it."""
    if judging.extractor is None or judging.suite.cross_checks:
        return {}
    found = _weights(tree, judging.extractor.address)
    return {"extractor": found} if found else {}


def reference_there(tree: Tree, rows: Path) -> str | None:
    """The hash of the features that are there, as the rows made with them say; None where these cannot be believed."""
    return _reference_in(tree, rows, known_hash(rows)) if rows.is_file() else None


@lru_cache(maxsize=16)  # every cell of a scale asks
def _reference_in(tree: Tree, rows: Path, content: str) -> str | None:
    try:
        record: Any = tree.read(rows, RowsForm)
    except UserError:
        return None
    return str(record["inputs"]["reference"]) if record else None


def _weights(tree: Tree, run: Run, step: str = FINAL) -> str | None:
    """The hash of a snapshot's weights, None where they are not there."""
    path = tree.folder(run) / "weights" / run.weights(step).name
    return known_hash(path) if path.is_file() else None


def _of_inputs(said: dict[str, Any], there: dict[str, str]) -> str:
    others = [name for name, value in there.items() if name in said and said[name] != value]
    return f"{' and '.join(others)} changed since" if others else ""
