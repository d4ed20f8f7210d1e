"""The points that claims compare: cells of the grid, and what targets of their own measured beside them."""

from pathlib import Path

import pandas as pd

from atbench.cells import FINAL
from atbench.config import Benchmark
from atbench.report import mismatch


def collect(benchmark: Benchmark, root: Path, frame: pd.DataFrame, suites: list[str]) -> pd.DataFrame:
    """``frame``, of `tidy.collect` over ``suites``, and a row per run and sampler whose mismatch was measured.

    Such a row bears the axes of the trajectory that was followed, and metrics of its own. Raises UserError for an
    unreadable file.
    """
    measured = [_mismatch(benchmark, root, frame, s) for s in suites if s in benchmark.mismatch["suites"]]
    return pd.concat([frame, *(rows for rows in measured if len(rows))], ignore_index=True)


def seeds_of(frame: pd.DataFrame, suite: str) -> list[int]:
    """Those that the report is asked for."""
    return sorted(map(int, frame[frame.suite == suite].seed.unique()))


def _mismatch(benchmark: Benchmark, root: Path, frame: pd.DataFrame, suite: str) -> pd.DataFrame:
    rows = mismatch.collect(benchmark, root, suite, seeds_of(frame, suite))
    if rows.empty:
        return rows
    axes = {"scale": benchmark.scale, "suite": suite, "step": FINAL, "nfe": benchmark.mismatch["nfe"]}
    return mismatch.exposure(rows).assign(**axes, status="done", off_grid=False)
