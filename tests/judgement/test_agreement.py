"""One paired test over all cells: bits, rounding, seeds, and a recipe that is off."""

import math

import numpy as np
import pandas as pd
import pytest

from atbench.judgement.agreement import BITS, DIFFERENT, RECIPE, SEEDS, agreement


def cells(runs=6, each=5, scale=0.0, shift=0.0, of_runs=0.0, seed=0):
    """Cells of two makings: luck of cells and of runs, and what every cell is off by, all of log distances."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame([("scratch", "at", run, cell) for run in range(runs) for cell in range(each)])
    frame.columns = ["suite", "method", "seed", "cell"]
    luck = rng.normal(0, of_runs, runs)[frame.seed] + rng.normal(0, scale, len(frame)) if scale or of_runs else 0.0
    there = pd.Series(rng.uniform(1, 10, len(frame)))
    return frame.assign(there=there, here=there * np.exp(luck + shift), same=not (scale or shift or of_runs))


@pytest.mark.parametrize(
    ("made", "kind"),
    [
        (cells(), BITS),
        (cells(scale=6e-5), RECIPE),  # as measured between two processors
        (cells(scale=6e-5, shift=1e-4), RECIPE),
        (cells(scale=0.1, of_runs=0.1), SEEDS),
        (cells(scale=0.001, shift=0.02), DIFFERENT),  # far below any cell's noise, and in all of them
        (cells(scale=0.1, of_runs=0.05, shift=0.3), DIFFERENT),
    ],
)
def test_the_class_follows_from_all_cells_together(made, kind):
    assert agreement(made, differs=False).kind == kind


def test_a_cell_beyond_the_noise_is_a_difference_whatever_the_others_are():
    assert agreement(cells(), differs=True).kind == DIFFERENT


def test_the_mean_is_over_runs_and_in_shares():
    made = cells(scale=0.01, shift=math.log(1.1))
    found = agreement(made, differs=False)
    logs = np.log(made.here / made.there).groupby(made.seed).mean()
    assert found.mean == pytest.approx(math.expm1(logs.mean())) and found.runs == 6
    assert found.low < 0.1 < found.high and found.p < 1e-6


def test_chance_alone_is_called_different_as_rarely_as_stated():
    kinds = [agreement(cells(scale=0.1, of_runs=0.1, seed=seed), differs=False).kind for seed in range(300)]
    assert set(kinds) <= {SEEDS, DIFFERENT} and kinds.count(DIFFERENT) <= 10  # p < 0.01: 3 of 300 are expected


def test_one_run_has_no_p_and_none_has_no_class():
    found = agreement(cells(runs=1, scale=0.1), differs=False)
    assert found.kind == SEEDS and math.isnan(found.p)
    assert agreement(cells().iloc[:0], differs=False).kind is None
