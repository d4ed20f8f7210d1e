"""Which methods are better than every other of an equal budget, by the paired differences of their seeds."""

import pandas as pd

from atbench.judgement.statistics import interval
from atbench.reading.methods import budgets
from atbench.spec.benchmark import Suite
from atbench.spec.metrics import METRICS


def winners(suite: Suite, cells: pd.DataFrame, metric: str) -> set[tuple[str, int, str]]:
    """(sampler, nfe, method) of every winner among ``cells``, final cells of a suite or of a view.

    A winner has rivals, methods of as many parameter updates or forward passes (`Budget.level_with`), and beats each:
    the 95 % t-interval of their paired difference lies on its side of zero. Rivals without a result do not count, and
    a sole survivor has won nothing.
    """
    spent, found = budgets(suite), set()
    for (sampler, nfe), group in cells.groupby(["sampler", "nfe"], sort=False):
        loss = METRICS[metric].loss(group[metric])
        by_seed = group.assign(loss=loss).pivot(index="seed", columns="method", values="loss").dropna(axis=1, how="all")
        for method in by_seed:
            rivals = [name for name in by_seed if name != method and spent[name].level_with(spent[method])]
            if rivals and all(_below(by_seed[method] - by_seed[name]) for name in rivals):
                found.add((sampler, nfe, method))
    return found


def _below(differences: pd.Series) -> bool:
    """Whether the interval of some paired differences lies below zero; not so with fewer than two."""
    *_, high = interval(differences.dropna())
    return high < 0
