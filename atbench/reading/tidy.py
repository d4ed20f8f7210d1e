"""One row per cell: what the grid declares, what stands on disk, and whether both agree."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from atbench import measures, plan, slices
from atbench.config import Benchmark
from atbench.metric_names import METRICS, RARE
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.files import read_cell, write_atomically
from atbench.spec.address import Cell, Run, is_cell, parse_cell

AXES = ["scale", "suite", "method", "seed", "step", "sampler", "nfe"]
STATE = ["off_grid", "status", "older_code", "problem"]
COUNTS = ["samples", "reference", "measured_nfe", "batches", "updates", "gradient_evals", "forward_passes"]
SECONDS = ["seconds_sampling", "seconds_metrics", "seconds_startup"]
COLUMNS = [*AXES, *STATE, *METRICS, *COUNTS, *SECONDS, "commit"]


def run_folder(root: Path, run: Run) -> Path:
    """Where a run lies below ``root``, the tree of one scale (local or released)."""
    return Path(root) / run.suite / run.method / f"seed{run.seed}"


def cell_file(root: Path, cell: Cell) -> Path:
    return run_folder(root, cell.run) / cell.step / cell.path.name


def declared_cells(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> list[Cell]:
    """The grid and curve cells of every run of ``suites``; ``seeds`` overrides the scale's."""
    runs = [run for suite in suites for run in plan.runs(benchmark, suite, seeds)]
    return [cell for run in runs for cell in plan.cells(benchmark, run)]


def wide_cells(benchmark: Benchmark, suites: list[str], seeds: list[int] | None = None) -> list[Cell]:
    """The cells of the wider grid of every run of ``suites``, which belong to a target of their own."""
    runs = [run for suite in suites for run in plan.runs(benchmark, suite, seeds)]
    return [cell for run in runs for cell in measures.wide_cells(benchmark, run)]


def collect(benchmark: Benchmark, root: Path, suites: list[str], seeds: list[int] | None = None) -> pd.DataFrame:
    """One row per declared cell, then per cell found beside them and the wider grid (``off_grid``). Columns: COLUMNS.

    status is `done`, `missing`, `stale` (made with another configuration) or `unreadable`. Only done cells
    carry metrics, so no aggregate can use a stale number; ``problem`` says in words what is wrong.
    ``older_code`` marks cells made by other sources: they still count.
    Raises UserError for a suite or method that no experiment file declares.
    """
    declared = declared_cells(benchmark, suites, seeds)
    extra = _off_grid(benchmark, root, suites, {*declared, *wide_cells(benchmark, suites, seeds)})
    return rows(benchmark, root, [*declared, *extra], set(extra))


def rows(benchmark: Benchmark, root: Path, cells: list[Cell], off_grid: Collection[Cell] = ()) -> pd.DataFrame:
    """One row per cell, as in `collect`."""
    made = [_row(benchmark, root, cell) | {"off_grid": cell in off_grid} for cell in cells]
    frame = pd.DataFrame(made, columns=COLUMNS)
    numbers = [*METRICS, *COUNTS, *SECONDS]  # all None would otherwise make an object column
    return frame.astype(dict.fromkeys(numbers, float) | {"off_grid": bool, "older_code": bool})


def seeds_of(frame: pd.DataFrame, suite: str) -> list[int]:
    """The seeds that the report of a suite is asked for."""
    return sorted(map(int, on_grid(frame, suite).seed.unique()))


def on_grid(frame: pd.DataFrame, suite: str) -> pd.DataFrame:
    """The declared cells of one suite."""
    return frame[(frame.suite == suite) & ~frame.off_grid]


def write_cells(frame: pd.DataFrame, path: Path) -> None:
    """The tidy file of all cells: same records, same bytes, whatever the code that reads them (no ``older_code``)."""
    lasting = frame.drop(columns=["older_code", *(metric for metric in RARE if frame[metric].isna().all())])
    write_atomically(path, lambda temporary: lasting.to_csv(temporary, index=False, float_format="%.10g"))


def older_code(sources: object, parts: tuple[str, ...]) -> bool:
    """Whether recorded source hashes differ from the sources at hand in any of ``parts``."""
    recorded = sources if isinstance(sources, dict) else {}
    return any(recorded.get(part) != provenance.source_hash(part) for part in parts)


def _row(benchmark: Benchmark, root: Path, cell: Cell) -> dict:
    path = cell_file(root, cell)
    row = {**cell.axes, "status": "missing", "older_code": False, "problem": ""}
    if not path.exists():
        return row
    try:
        record = read_cell(path)
        if record["cell"] != cell.axes:
            raise UserError(f"{path}: the block cell names another cell")
    except UserError as error:
        # Paths relative to the root: the tidy file must not depend on where the tree lies.
        return row | {"status": "unreadable", "problem": str(error).replace(f"{root}/", "")}
    return row | _content(record, _staleness(benchmark, cell, record["config"]))


def _content(record: dict, problem: str) -> dict:
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


def _staleness(benchmark: Benchmark, cell: Cell, recorded: dict) -> str:
    """In words, which configuration changed since the cell was made; empty when none did."""
    try:
        training = slices.training_digest(benchmark, cell.run)
        evaluation = slices.evaluation_digest(benchmark, cell)
    except UserError as error:  # an off-grid cell of something the files no longer declare
        return str(error)
    current = {"training": training, "evaluation": evaluation}
    changed = [part for part, value in current.items() if recorded.get(part) != value]
    return f"{' and '.join(changed)} configuration changed" if changed else ""


def _off_grid(benchmark: Benchmark, root: Path, suites: list[str], declared: set[Cell]) -> list[Cell]:
    """Cells on disk that the grid does not declare, in order of their paths."""
    found = []
    for suite in suites:
        for path in sorted((Path(root) / suite).glob("*/seed*/*/*.json")):
            address = f"results/{benchmark.scale}/{path.relative_to(root).as_posix()}"
            if is_cell(address) and parse_cell(address) not in declared:
                found.append(parse_cell(address))
    return found
