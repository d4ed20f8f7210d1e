"""Methods across samplers: distances of plain samplers and their training-free corrections, and gains between them.

All samplers of a seed start from the same latents, so cells of one seed are pairs whatever their samplers.
"""

import numpy as np
import pandas as pd

from atbench.judgement.best import leaders
from atbench.judgement.comparisons import Pair, of_training_free
from atbench.judgement.enough import too_few
from atbench.judgement.paired import SHARES
from atbench.judgement.statistics import interval
from atbench.reading.methods import budgets, ordered
from atbench.reading.tidy import final_cells
from atbench.spec.benchmark import Suite
from atbench.spec.rivals import base_of

DISTANCES = ["base", "sampler", "nfe", "method", "mean", "std", "n", "best"]
GAINS = ["base", "sampler", "nfe", "method", "baseline_sampler", "baseline", "gain", "low", "high", "n"]


def pairs_of(suite: Suite) -> list[Pair]:
    """The cells that claims on training-free samplers compare in a suite, of any seed, each pair once."""
    return list(dict.fromkeys(pair for each in of_training_free(suite.benchmark, suite.name) for pair in each.pairs))


def methods_of(suite: Suite) -> list[str]:
    """The methods that these claims are about, of those that the suite has, in the order of tables."""
    compared = of_training_free(suite.benchmark, suite.name)
    named = {method for each in compared for method in (each.method, each.baseline)}
    return [name for name in ordered(suite) if name in named]


def best_of(suite: Suite) -> dict[str, str]:
    """Plain sampler -> the best correction of it that the scale names, in the order of the suite's grid."""
    named = suite.size.best_training_free
    return {sampler: named[sampler] for sampler in suite.samplers if sampler in named}


def samplers_by_base(suite: Suite) -> dict[str, list[str]]:
    """Plain sampler whose best correction the scale names -> itself and the corrections of it in the suite's grid."""
    bases = {sampler: base_of(sampler, suite.sampler_catalogue) for sampler in suite.samplers}
    return {base: [base, *(name for name, of in bases.items() if of == base)] for base in best_of(suite)}


def distances(suite: Suite, frame: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation of the leading distance, over the seeds that all rows of a base and an NFE have.

    Columns: DISTANCES. ``best``: better than every other row of the base and NFE whose method had as many updates or
    forward passes, as in `best.winners`. Rows without any result are left out, and take no seed from the others.
    """
    spent, made = budgets(suite), []
    cells, methods = final_cells(frame, suite), methods_of(suite)
    judged = not too_few(cells, suite.extractor, suite.leads)
    for base, samplers in samplers_by_base(suite).items():
        chosen = cells[cells.sampler.isin(samplers) & cells.method.isin(methods)]
        for nfe, group in chosen.groupby("nfe"):
            by_seed = group.pivot(index="seed", columns=["sampler", "method"], values=suite.leads)
            by_seed = by_seed.dropna(axis=1, how="all").dropna()
            best = leaders(by_seed, lambda column: spent[column[1]]) if judged else []  # type: ignore[index]
            for column in by_seed:
                mean, std, n, *_ = interval(by_seed[column])
                made.append((base, column[0], nfe, column[1], mean, std, n, column in best))
    return pd.DataFrame(made, columns=DISTANCES)


def gains(suite: Suite, frame: pd.DataFrame) -> pd.DataFrame:
    """What the claims compare, at each NFE alone: gains as shares of the baseline's distance, positive where better.

    Means of log ratios over the seeds that have both cells, with their 95 % t-interval. Columns: GAINS.
    """
    cells = final_cells(frame, suite)
    values = cells.set_index(["seed", "method", "sampler", "nfe"])[suite.leads].dropna()
    by_point = {point: found.droplevel([1, 2, 3]) for point, found in values.groupby(level=[1, 2, 3])}
    base = {name: plain for plain, name in best_of(suite).items()}
    made: list[tuple[object, ...]] = []
    for (method, _, sampler, nfe), (baseline, _, other, _) in pairs_of(suite):
        if {(method, sampler, nfe), (baseline, other, nfe)} <= {*by_point}:
            ratios = np.log(by_point[baseline, other, nfe] / by_point[method, sampler, nfe]).dropna()
            mean, _, n, low, high = interval(ratios.tolist())
            shares = [SHARES.as_written(value) for value in (mean, low, high)]
            made.append((base[other], sampler, nfe, method, other, baseline, *shares, n))
    return pd.DataFrame(made, columns=GAINS)
