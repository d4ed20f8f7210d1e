"""Differences between methods of one seed: sharing batches and latents makes them far less noisy."""

import numpy as np
import pandas as pd

from atbench.judgement.gains import Gains
from atbench.judgement.statistics import interval
from atbench.reading.methods import budgets, ordered
from atbench.reading.tidy import final_cells
from atbench.spec.benchmark import Suite

LONG = ["sampler", "nfe", "method", "baseline", "budget", "mean", "std", "n", "low", "high"]
COURSE = ["count", "mean", "std", "n", "low", "high"]
GAINS = ["method", "mean", "std", "n", "low", "high"]
SHARES = Gains("lower", "relative")  # of a distance


def pairs(suite: Suite) -> list[tuple[str, str]]:
    """(method, baseline): AT against every other method, then the others against the suite's first."""
    baseline, *_ = suite.methods
    challengers = [name for name in suite.methods if suite.method(name).perturbation.kind == "adversarial"]
    methods = ordered(suite)
    against = [(name, other) for name in challengers for other in methods if other not in challengers]
    return against + [(name, baseline) for name in methods if name not in (baseline, *challengers)]


def differences(suite: Suite, frame: pd.DataFrame) -> pd.DataFrame:
    """Per sampler, NFE and pair: mean, std (divisor n - 1), n and 95 % t-interval of differences of the distance."""
    spent = budgets(suite)
    made = []
    for (sampler, nfe), group in final_cells(frame, suite).groupby(["sampler", "nfe"], sort=False):
        by_seed = group.pivot(index="seed", columns="method", values=suite.leads)
        present = [pair for pair in pairs(suite) if {*pair} <= {*by_seed.columns}]
        for method, baseline in present:
            values = (by_seed[method] - by_seed[baseline]).dropna()
            words = spent[method].against(spent[baseline])
            made.append((sampler, nfe, method, baseline, words, *interval(values)))
    return pd.DataFrame(made, columns=LONG)


def difference(suite: Suite, frame: pd.DataFrame, method: str, baseline: str, metric: str) -> pd.DataFrame:
    """The same of two methods and any metric, without the words of their budgets."""
    made = []
    for (sampler, nfe), group in final_cells(frame, suite).groupby(["sampler", "nfe"], sort=False):
        by_seed = group.pivot(index="seed", columns="method", values=metric)
        if {method, baseline} <= {*by_seed.columns}:
            made.append((sampler, nfe, *interval((by_seed[method] - by_seed[baseline]).dropna())))
    return pd.DataFrame(made, columns=["sampler", "nfe", "mean", "std", "n", "low", "high"])


def gains(suite: Suite, frame: pd.DataFrame) -> pd.DataFrame:
    """What every method of a suite, or of a view, gains over the first: shares of its distance, positive if better.

    As in the verdicts on claims, a seed gives one number, its mean log ratio over the sampler x NFE grid, and a seed
    that lacks a cell of any method is left out; so all methods are judged by the same seeds. Columns: GAINS, with the
    95 % t-interval (NaN below two seeds); no row without a complete seed. ``std`` is that of the log ratios.
    """
    first, *others = suite.methods
    distances = final_cells(frame, suite).pivot(index="seed", columns=["method", "sampler", "nfe"], values=suite.leads)
    by_method = np.log(distances.dropna()).T.groupby(level="method").mean().T
    rows = [(method, *interval(by_method[first] - by_method[method])) for method in others] if len(by_method) else []
    made = pd.DataFrame(rows, columns=GAINS)
    return _as_shares(made)


def gains_in_course(suite: Suite, cells: pd.DataFrame, method: str, count: str) -> pd.DataFrame:
    """What a method gains over the suite's first in the course of training, at equal ``count``: batches or updates.

    ``cells`` are curve cells of one sampler and step count. The first goes on with the runs that continue it, and is
    compared wherever both have a cell of the same seed. Columns: COURSE, gains as in `gains`, a row per count.
    """
    ours = cells[(cells.method == method) & cells[suite.leads].notna()]
    first = cells[cells.method.isin(continued(suite)) & cells[suite.leads].notna()]
    both = ours.merge(first, on=["seed", count], suffixes=("", "_first"))
    logs = np.log(both[f"{suite.leads}_first"]) - np.log(both[suite.leads])
    made = pd.DataFrame([(at, *interval(found)) for at, found in logs.groupby(both[count])], columns=COURSE)
    return _as_shares(made)


def _as_shares(logs: pd.DataFrame) -> pd.DataFrame:
    """Gains as they are written, of mean log ratios and their bounds."""
    return logs.assign(**{key: [SHARES.as_written(gain) for gain in logs[key]] for key in ("mean", "low", "high")})


def continued(suite: Suite) -> list[str]:
    """The suite's first method, and those that go on where it, or another of them, ended."""
    found = [suite.methods[0]]
    for name in ordered(suite):
        if suite.method(name).continues in found:
            found.append(name)
    return found
