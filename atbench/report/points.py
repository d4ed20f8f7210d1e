"""The points that claims compare: cells of the grid, and what targets of their own measured beside them."""

from pathlib import Path

import pandas as pd

from atbench.config import Benchmark
from atbench.reading import tidy
from atbench.report import mismatch
from atbench.spec.address import FINAL


def collect(benchmark: Benchmark, root: Path, frame: pd.DataFrame, suites: list[str]) -> pd.DataFrame:
    """``frame``, of `tidy.collect` over ``suites``, with rows of the wider grid and of the mismatch measures.

    A row of the latter, per run and sampler, bears the axes of the trajectory that was followed and a metric of its
    own. Raises UserError for an unreadable file of these measures.
    """
    parts = []
    for suite in suites:
        seeds = tidy.seeds_of(frame, suite)
        parts.append(tidy.rows(benchmark, root, tidy.wide_cells(benchmark, [suite], seeds)))
        if suite in benchmark.mismatch["suites"]:
            parts.append(_mismatch(benchmark, root, suite, seeds))
    return pd.concat([frame, *(part for part in parts if len(part))], ignore_index=True)


def _mismatch(benchmark: Benchmark, root: Path, suite: str, seeds: list[int]) -> pd.DataFrame:
    rows = mismatch.collect(benchmark, root, suite, seeds)
    if rows.empty:
        return rows
    axes = {"scale": benchmark.scale, "suite": suite, "step": FINAL, "nfe": benchmark.mismatch["nfe"]}
    return mismatch.exposure(rows).assign(**axes, status="done", off_grid=False)
