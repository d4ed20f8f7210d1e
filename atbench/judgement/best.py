"""Which methods are better than every other of an equal budget, by the paired differences of their seeds."""

from collections.abc import Callable, Hashable

import pandas as pd

from atbench.judgement.statistics import interval
from atbench.reading.methods import budgets
from atbench.spec.benchmark import Suite
from atbench.spec.budget import Budget
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
        found |= {(sampler, nfe, method) for method in leaders(by_seed, spent.__getitem__)}
    return found


def leaders(by_seed: pd.DataFrame, spent: Callable[[Hashable], Budget]) -> list[Hashable]:
    """The columns of ``by_seed``, a row of losses per seed, that beat every other whose budget is level with theirs."""
    found = []
    for column in by_seed:
        rivals = [other for other in by_seed if other != column and spent(other).level_with(spent(column))]
        if rivals and all(_below(by_seed[column] - by_seed[other]) for other in rivals):
            found.append(column)
    return found


def _below(differences: pd.Series) -> bool:
    """Whether the interval of some paired differences lies below zero; not so with fewer than two."""
    *_, high = interval(differences.dropna())
    return high < 0
