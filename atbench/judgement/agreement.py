"""Do two trees hold the same results? One paired test over all of their cells, and a word for how alike they are.

Two makings of one cell share data order, noise and latents, so their distances differ far less than those of two seeds:
by 6e-5 of their value where another processor sampled the same weights, while the noise of seeds allows half of it.
What one cell cannot tell, all of them together can: a recipe that is one per cent off moves every cell the same way.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from atbench.judgement import statistics

CLASSES = BITS, RECIPE, SEEDS, DIFFERENT = (
    "bit-equal",
    "same recipe, other machine",
    "within seed noise",
    "different",
)
ROUNDING = 0.01  # largest relative difference of a cell that is another machine's rounding; seeds differ by 10 % up
SURE = 0.01  # p below which a mean difference over runs is no chance
RUN = ["suite", "method", "seed"]  # cells of one run share its luck


@dataclass(frozen=True)
class Agreement:
    """How alike two trees are: ``kind``, one of CLASSES, None without a cell of both; shares are of the distance."""

    kind: str | None
    runs: int
    mean: float  # of the runs' mean log ratios, here against there
    low: float  # its 95 % t-interval over runs
    high: float
    p: float  # against a mean of zero
    largest: float  # of a cell


def agreement(cells: pd.DataFrame, differs: bool) -> Agreement:
    """Of comparable cells: RUN, here, there (positive distances) and ``same``, whether all metrics are equal.

    ``differs``: whether some cell lies beyond the noise of the seeds, which no pooling makes good.
    """
    cells = cells[(cells.here > 0) & (cells.there > 0)]
    logs = np.log(cells.here / cells.there)
    means = logs.groupby([cells[key] for key in RUN]).mean()
    mean, std, runs, low, high = statistics.interval(means.tolist())
    p = statistics.p_above(abs(mean), std, runs, 0)
    largest = float(logs.abs().max()) if len(logs) else math.nan
    shares = [math.expm1(value) for value in (mean, low, high, largest)]
    found = Agreement(None, runs, *shares[:3], p, shares[3])
    return replace(found, kind=_kind(found, bool(cells.same.all()), differs)) if len(cells) else found


def _kind(found: Agreement, same: bool, differs: bool) -> str:
    if differs:
        return DIFFERENT
    if same:
        return BITS
    if found.largest <= ROUNDING:
        return RECIPE
    return DIFFERENT if found.p < SURE else SEEDS
