"""One row per cell: what the grid declares, what stands on disk, and whether both agree."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pandas as pd

from atbench.reading import doubt
from atbench.reading.tree import Tree
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.records import Record
from atbench.spec.address import FINAL, Cell, is_cell, parse_cell
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.metrics import METRICS
from atbench.spec.probes import probes_of_runs
from atbench.spec.run import CellSpec, RunSpec

AXES = ["scale", "suite", "method", "seed", "step", "sampler", "nfe"]
STATE = ["off_grid", "status", "older_code", "problem"]
COUNTS = ["samples", "reference", "measured_nfe", "batches", "updates", "gradient_evals", "forward_passes"]
SECONDS = ["seconds_sampling", "seconds_metrics", "seconds_startup"]


def columns() -> list[str]:
    """Columns of the frame, with the metrics that there are."""
    return [*AXES, *STATE, *METRICS, *COUNTS, *SECONDS, "commit"]


def declared_runs(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> list[RunSpec]:
    """Every run of ``suites``; ``seeds`` overrides the scale's."""
    return [run for suite in suites for run in benchmark.suite(suite).runs(seeds)]


def declared_cells(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> list[CellSpec]:
    """The grid and curve cells of every run of ``suites``; ``seeds`` overrides the scale's."""
    return [cell for run in declared_runs(benchmark, suites, seeds) for cell in run.cells]


def collect(benchmark: Benchmark, root: Path, suites: list[str], seeds: list[int] | None = None) -> pd.DataFrame:
    """One row per declared cell, then per cell found beside them and side measures (``off_grid``). Columns: `columns`.

    status is `done`, `missing`, `stale` (made with another configuration, or from other files than those there) or
    `refused` (cut off, changed by hand, or of numbers that cannot be). Only done cells carry metrics, so no aggregate
    can use another number; ``problem`` says in words what is wrong.
    ``older_code`` marks cells made by other sources: they still count.
    Raises UserError for a suite or method that no experiment file declares.
    """
    tree, runs = Tree(root), declared_runs(benchmark, suites, seeds)
    declared = declared_cells(benchmark, suites, seeds)
    known = {cell.address for cell in declared} | _measured_beside(benchmark, runs)
    there = [address for suite in suites for address in tree.cells(benchmark.scale, suite)]
    found = [address for address in there if address not in known]
    extra = [_row(tree, address, _doubt_at(tree, benchmark, address)) | {"off_grid": True} for address in found]
    return _typed([*_rows(tree, declared), *extra])


def rows(root: Path, cells: Iterable[CellSpec]) -> pd.DataFrame:
    """One row per cell that belongs here, as in `collect`."""
    return _typed(_rows(Tree(root), cells))


def on_grid(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """The declared cells of the methods of one suite, or of one view of it."""
    return frame[(frame.suite == suite.name) & frame.method.isin(suite.methods) & ~frame.off_grid]


def final_cells(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """The sampler x NFE grid of the suite's last step, without curve cells and off-grid cells."""
    cells = on_grid(frame, suite)
    return cells[cells.step == FINAL]


def begun(frame: pd.DataFrame) -> pd.DataFrame:
    """The cells of the seeds that their suite has begun; all cells of a suite that has begun none."""
    made = (frame.status != "missing") & ~frame.off_grid
    of_seed = made.groupby([frame.suite, frame.seed]).transform("any")
    return frame[of_seed | ~made.groupby(frame.suite).transform("any")]


def lasting(frame: pd.DataFrame) -> pd.DataFrame:
    """What the tidy file keeps: same records, same bytes, whatever the code that reads them (no ``older_code``)."""
    rare = [name for name, metric in METRICS.items() if metric.rare and frame[name].isna().all()]
    return frame.drop(columns=["older_code", *rare])


def older_code(sources: object, parts: tuple[str, ...]) -> bool:
    """Whether recorded source hashes differ from the sources at hand in any of ``parts``."""
    recorded = sources if isinstance(sources, dict) else {}
    return any(recorded.get(part) != provenance.source_hash(part) for part in parts)


def _rows(tree: Tree, cells: Iterable[CellSpec]) -> list[Record]:
    return [_row(tree, cell.address, partial(doubt.of_cell, tree, cell)) | {"off_grid": False} for cell in cells]


def _typed(made: list[Record]) -> pd.DataFrame:
    frame = pd.DataFrame(made, columns=columns())
    numbers = [*METRICS, *COUNTS, *SECONDS]  # all None would otherwise make an object column
    return frame.astype(dict.fromkeys(numbers, float) | {"off_grid": bool, "older_code": bool})


def _row(tree: Tree, cell: Cell, doubted: Callable[[Record], str]) -> Record:
    row = {**cell.axes, "status": "missing", "older_code": False, "problem": ""}
    try:
        record = tree.cell(cell)
    except UserError as error:
        # Paths relative to the root: the tidy file must not depend on where the tree lies.
        return row | {"status": "refused", "problem": str(error).replace(f"{tree.root}/", "")}
    if record is None:
        return row
    return row | _content(record, doubted(record))


def _content(record: Record, problem: str) -> Record:
    made, counts = record["provenance"], record["counts"]
    seconds = {f"seconds_{part}": value for part, value in made.get("seconds", {}).items()}
    return {
        "status": "stale" if problem else "done",
        "problem": problem,
        "older_code": older_code(made.get("sources"), ("training", "evaluation")),
        **({} if problem else record["metrics"]),
        **{key: value for key, value in counts.items() if key != "nfe"},
        "measured_nfe": counts.get("nfe"),
        **seconds,
        "commit": str(made.get("commit", "unknown"))[:10] + ("+changes" if made.get("dirty") else ""),
    }


def _doubt_at(tree: Tree, benchmark: Benchmark, address: Cell) -> Callable[[Record], str]:
    """`doubt.of_cell` of a cell off the grid, which may be of something that the files no longer declare."""

    def words(record: Record) -> str:
        try:
            return doubt.of_cell(tree, benchmark.cell(address), record)
        except UserError as error:
            return str(error)

    return words


def _measured_beside(benchmark: Benchmark, runs: list[RunSpec]) -> set[Cell]:
    """The cells that side measures make of ``runs``: they belong to opt-in targets."""
    found = set()
    for probe in probes_of_runs().values():
        suites = probe.suites(benchmark)
        files = [str(path) for run in runs if run.suite.name in suites for path in probe.files(run)]
        found |= {parse_cell(path) for path in files if is_cell(path)}
    return found
