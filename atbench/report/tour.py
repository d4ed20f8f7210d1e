"""The end of the tour: four lines that say what its cells and its verdict show, and what to type next."""

from pathlib import Path
from typing import Any

import pandas as pd

from atbench.judgement import claims, points
from atbench.judgement.claims import MIN_SEEDS
from atbench.reading import rows, tidy
from atbench.reading.methods import ordered
from atbench.reading.sheet import Sheet
from atbench.report.verdict_table import amount
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL, ROOT
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.grid import nfe_of
from atbench.spec.metrics import metric_label

SCALE, SUITE = "tour", "scratch"
OFF_GRID = 7  # network evaluations that no scale has in its grid


def tour(benchmark: Benchmark) -> str:
    """Four lines about the suite SUITE of a scale that has been made.

    Raises UserError while a cell of it is missing or cannot be believed.
    """
    root, suite = Path(ROOT, benchmark.scale), benchmark.suite(SUITE)
    sheet = Sheet(benchmark, root, tidy.collect(benchmark, root, [SUITE]), [SUITE])
    cells = tidy.final_cells(sheet.frame, suite)
    if (left := int((cells.status != "done").sum())) or cells.empty:
        raise UserError(f"{root}: {left} of {len(cells)} cells are not there: make {SCALE}")
    return "\n".join([_seen(suite, cells, root), _verdict(sheet, suite), _look(root), _next(suite, root)])


def _seen(suite: Suite, cells: pd.DataFrame, root: Path) -> str:
    """The mean distances of the sampler that the sheet of samples shows, beside the floor."""
    sampler = _sampler(suite)
    label, steps = suite.sampler(sampler).label, nfe_of(suite, sampler)
    means = cells[cells.sampler == sampler].groupby(["method", "nfe"])[suite.leads].mean()
    shown = [f"{suite.method(m).label} {' / '.join(f'{means[m, nfe]:.2f}' for nfe in steps)}" for m in ordered(suite)]
    floor = rows.reference_rows(suite, root).get("floor", {}).get(suite.leads)
    beside = f"; real images {floor['mean']:.2f}" if floor else ""
    distance, samples = metric_label(suite.leads, suite.extractor), f"{suite.evaluation.samples:,} images per cell"
    counts = f"{' / '.join(map(str, steps))} network evaluations"
    return f"Seen     {distance} with {label} at {counts}, {samples}: {', '.join(shown)}{beside} (lower is better)."


def _verdict(sheet: Sheet, suite: Suite) -> str:
    """The first claim about this suite and sampler at equal batches, with what was decided: no more than the table."""
    found = claims.judge(sheet.benchmark, points.collect(sheet), [SUITE])
    about = found[(found.suite == SUITE) & (found.budget == "batches")]
    about = about[about.samplers.str.split().map(lambda names: _sampler(suite) in names).astype(bool)]
    row: Any = about.iloc[0]
    ours, theirs = (suite.run(name, min(suite.size.seeds)).budget() for name in (row.method, row.baseline))
    gain = f"{amount(row.gain, row.unit)} of {suite.method(row.baseline).label}'s distance, {ours.against(theirs)}"
    gain += "" if ours.updates == theirs.updates else f" but {ours.updates:,} updates against {theirs.updates:,}"
    seeds = f"{row.seeds:.0f} seed{'' if row.seeds == 1 else 's'}"
    few = f": {seeds} decide{'s' if row.seeds == 1 else ''} nothing, a verdict takes {MIN_SEEDS} or more"
    said = f'"{sheet.benchmark.claims[row.claim].claim}": {row.verdict} ({gain}, {seeds})'
    return f"Verdict  {said}{few if row.seeds < MIN_SEEDS else ''}."


def _look(root: Path) -> str:
    figures = [root / f"figures/{SUITE}-{kind}.png" for kind in ("quality-nfe", "samples")]
    return f"Look at  {figures[0]}, {figures[1]} and {root}/tables/claims.md."


def _next(suite: Suite, root: Path) -> str:
    method, seed = suite.methods[-1], min(suite.size.seeds)
    cell = suite.run(method, seed).cell(FINAL, _sampler(suite), OFF_GRID)
    return f"Type     make cell CELL={cell} (off the grid); atbench export {cell} samples.npz; make reproduce (all)."


def _sampler(suite: Suite) -> str:
    return suite.samples.sampler if suite.samples else suite.samplers[0]
