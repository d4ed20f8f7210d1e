"""Scores of image sets that no method made: the reference rows of a scale, and foreign sets scored beside them."""

from pathlib import Path
from typing import Any

from atbench.reading.tree import Tree
from atbench.runtime.files import read_json, visible
from atbench.spec.benchmark import Benchmark, Suite

Rows = dict[str, Any]  # name of an image set -> its metrics; beside them `counts`, `inputs`, `seconds`


def all_reference_rows(benchmark: Benchmark, root: Path) -> list[Rows]:
    """The reference rows of every data set of the scale."""
    return [reference_rows(benchmark.suite(suite), root) for suite in benchmark.references.values()]


def reference_rows(suite: Suite, root: Path) -> Rows:
    """The scores of the known image sets that belong to a suite, or {} when they have not been computed.

    Raises UserError for a file that cannot be read.
    """
    paths = [suite.judging.reconstruction_path, suite.judging.rows_path()]
    rows: Rows = {}
    for path in (Path(root) / "reference" / path.name for path in paths if path is not None):
        rows |= Tree(root).read(path) or {}
    return rows


def foreign_rows(root: Path, rows: Rows) -> dict[str, Rows]:
    """Name -> metrics of the image sets that `atbench score` measured against the reference behind ``rows``.

    A set measured against another reference is left out: its numbers stand on another scale.
    """
    records = [read_json(path) for path in visible(root, "foreign/*.json")]
    present = rows.get("inputs", {}).get("reference")
    return {record["name"]: record["metrics"] for record in records if record["inputs"]["reference"] == present}
