"""Scores of image sets that no method made: the reference rows of a scale, and foreign sets scored beside them."""

from pathlib import Path
from typing import Any

from atbench.reading.tree import Tree
from atbench.runtime.files import visible
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.records import ForeignForm, ReconstructionForm, RowsForm

Rows = dict[str, Any]  # name of an image set -> its metrics; beside them `counts`, `inputs`, `seconds`


def all_reference_rows(benchmark: Benchmark, root: Path) -> list[Rows]:
    """The reference rows of every data set of the scale."""
    return [reference_rows(benchmark.suite(suite), root) for suite in benchmark.references.values()]


def reference_rows(suite: Suite, root: Path) -> Rows:
    """The scores of the known image sets that belong to a suite, {} where they have not been computed.

    What cannot be believed is a gap, named on standard error.
    """
    paths, rows = {suite.judging.reconstruction_path: ReconstructionForm, suite.judging.rows_path(): RowsForm}, Rows()
    for path, form in paths.items():
        if path is not None:
            rows |= Tree(root).shown(Path(root) / "reference" / path.name, form) or {}
    return rows


def foreign_rows(root: Path, rows: Rows) -> dict[str, Rows]:
    """Name -> metrics of the image sets that `atbench score` measured against the reference behind ``rows``.

    The name says of how many images, where these are not as many as cells have. A set measured against another
    reference is left out: its numbers stand on another scale.
    """
    found = [Tree(root).shown(path, ForeignForm) for path in visible(root, "foreign/*.json")]
    present = rows.get("inputs", {}).get("reference")
    records = [record for record in found if record and record["inputs"].get("reference") == present]
    usual = rows.get("counts", {}).get("samples")
    return {_name(record, usual): record["metrics"] for record in records}


def _name(record: Rows, usual: int | None) -> str:
    count = record["counts"]["samples"]
    return record["name"] if count == usual else f"{record['name']} ({count:,} images)"
