"""The wider grid of a suite: its table and figure with the step counts of wide.yaml beside those of the grid."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from atbench import plan
from atbench.config import Benchmark
from atbench.reading import tidy
from atbench.report.tables import final_cells

ELSEWHERE = ("curves", "grids", "views")  # of a suite, with figures of their own


def widened(benchmark: Benchmark, frame: pd.DataFrame, root: Path, suite: str) -> tuple[Benchmark, pd.DataFrame]:
    """The benchmark and the cells as if the suite's grid were the wider one, of the samplers that have it.

    ``frame`` comes from `tidy.collect` and says which seeds are shown.
    """
    declared, samplers = benchmark.suite(suite), benchmark.wide["samplers"]
    nfes = {nfe for sampler in samplers for nfe in plan.nfe_of(benchmark, suite, sampler)}
    own = {key: value for key, value in declared.items() if key not in ELSEWHERE}
    own |= {
        "samplers": samplers,
        "nfe": sorted(nfes | {*benchmark.wide["nfe"]}),
        "title": f"{own['title']}, wider grid",
    }
    grid = final_cells(frame, suite)
    beside = tidy.rows(benchmark, root, tidy.wide_cells(benchmark, [suite], tidy.seeds_of(frame, suite)))
    cells = pd.concat([grid[grid.sampler.isin(samplers)], beside], ignore_index=True)
    return replace(benchmark, suites=benchmark.suites | {suite: own}), cells
