"""The tuning search: how the candidates of each method compare over its seeds, and which value won."""

import math
from typing import Any

from atbench.judgement.statistics import LEVEL, interval, p_above
from atbench.runtime.records import write_record
from atbench.spec.address import ROOT, Run
from atbench.spec.benchmark import Suite
from atbench.spec.records import CellForm
from atbench.spec.run import RunSpec
from atbench.spec.tuning import candidates

Scores = dict[int, dict[str, float]]  # seed -> cell -> the judged metric of a candidate


def choose(search: Suite) -> None:
    """Write ``results/<scale>/tuning/<suite>.json``: every candidate's values, its mean rank and gain, and the winners.

    search: the suite ``tune-<suite>``, whose methods are the candidates. Each constant of a method has a winner of its
    own. A candidate's rank is averaged over the judged cells, so that no single NFE decides by its size; of several
    seeds cells are means.
    """
    tuning, suite, runs = search.benchmark.tuning, search.drawn_as, search.runs()
    metric = search.benchmark.searched_by
    record = begun(search) | {"methods": {}, "winners": {}}
    for method in tuning.search[suite].methods:
        named, published = candidates(tuning, suite, method), tuning.search[suite].to_beat(method)
        record["methods"][method], record["winners"][method] = [], {}
        for key, values in tuning.search[suite].constants(method).items():
            scores = [_measured(runs, candidate, metric) for candidate, tried in named.items() if key in tried]
            rows, won = compared(scores, values.index(published[key]) if key in published else None)
            record["methods"][method] += [
                {key: value, "mean_rank": row["mean_rank"], metric: row["mean"], **row["gain"]}
                for value, row in zip(values, rows)
            ]
            record["winners"][method][key] = values[won]
    record["configs"] = configs(runs)
    write_record(f"{ROOT}/{search.scale}/tuning/{suite}.json", record)
    print(f"{suite}: {record['winners']}")


def compared(scores: list[Scores], published: int | None) -> tuple[list[dict[str, Any]], int]:
    """Of each candidate its mean_rank, its mean by cell, and its gain; and the place of the one that wins.

    Gains are over the published candidate, by seed, mean log ratios over the cells: under `gain` their mean and 95 %
    t-interval over seeds (`low`, `high`; of two seeds or more). Positive is better; the metric is a distance.

    Without a published value the lowest mean rank wins. With one that stays, unless another is better at a level of 5 %
    corrected for the number of others (Bonferroni); of those the one of the largest mean gain wins.
    """
    means = [
        {cell: _mean([own[cell] for own in each.values()]) for cell in next(iter(each.values()))} for each in scores
    ]
    ranks = mean_ranks([list(each.values()) for each in means])
    rows: list[dict[str, Any]] = [{"mean_rank": r, "mean": m, "gain": {}} for r, m in zip(ranks, means)]
    if published is None:
        return rows, ranks.index(min(ranks))
    won, best = published, 0.0
    for place, own in enumerate(scores):
        if place == published:
            continue
        gains = [_log_gain(own[seed], theirs) for seed, theirs in scores[published].items()]
        mean, std, count, low, high = interval(gains)
        known = {"mean": mean} if math.isnan(low) else {"mean": mean, "low": low, "high": high}
        rows[place]["gain"] = {"gain": {key: -math.expm1(-value) for key, value in known.items()}}
        p = p_above(mean, std, count, 0.0)
        if mean > best and p < LEVEL / (len(scores) - 1):
            won, best = place, mean
    return rows, won


def mean_ranks(scores: list[list[float]]) -> list[float]:
    """Mean over cells of each candidate's rank (1 = lowest); scores[candidate][cell]. Ties share the lower rank."""
    columns = list(zip(*scores))
    return [sum(1 + sum(other < row[i] for other in columns[i]) for i in range(len(row))) / len(row) for row in scores]


def _measured(runs: list[RunSpec], candidate: str, metric: str) -> Scores:
    own = {run.address.seed: run for run in runs if run.address.method == candidate}
    return {
        seed: {path.stem: CellForm.read(path)["metrics"][metric] for path in (cell.address.path for cell in run.cells)}
        for seed, run in own.items()
    }


def begun(search: Suite) -> dict[str, Any]:
    """What the record of a search begins with: what is searched, by which metric, from which seeds."""
    seeds = sorted(search.size.seeds)
    record: dict[str, Any] = {"suite": search.drawn_as, "metric": search.benchmark.searched_by, "seed": seeds[0]}
    return record | ({"seeds": seeds} if len(seeds) > 1 else {})


def configs(runs: list[RunSpec]) -> dict[str, str]:
    """Digests of a search's runs, by their candidate, with the seed where that is not the first."""
    first = min(run.address.seed for run in runs)
    return {_named(run.address, first): run.digest for run in runs}


def _named(run: Run, first: int) -> str:
    return run.method if run.seed == first else f"{run.method}-seed{run.seed}"


def _log_gain(ours: dict[str, float], theirs: dict[str, float]) -> float:
    return _mean([math.log(theirs[cell] / ours[cell]) for cell in ours])


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
