"""The tuning search: rank the candidates of each method and say which value won."""

from typing import Any

from atbench.runtime.records import write_record
from atbench.spec.address import ROOT
from atbench.spec.benchmark import Suite
from atbench.spec.records import CellForm
from atbench.spec.run import RunSpec


def choose(search: Suite) -> None:
    """Write ``results/<scale>/tuning/<suite>.json``: every candidate's values, its mean rank, and the winners.

    search: the suite ``tune-<suite>``, whose methods are the candidates. A candidate's rank is averaged over the judged
    cells, so that no single NFE decides by its size.
    """
    tuning, suite, runs = search.benchmark.tuning, search.drawn_as, search.runs()
    record: dict[str, Any] = {"suite": suite, "metric": tuning.metric, "seed": tuning.seed, "methods": {}}
    record["winners"] = {}
    for method in tuning.search[suite].methods:
        key, values = tuning.search[suite].candidates(method)
        scores = [measured(run, tuning.metric) for run in runs if run.address.method.rpartition("-c")[0] == method]
        ranks = mean_ranks([list(score.values()) for score in scores])
        rows = [{key: v, "mean_rank": r, tuning.metric: s} for v, r, s in zip(values, ranks, scores)]
        record["methods"][method] = rows
        record["winners"][method] = {key: values[ranks.index(min(ranks))]}
    record["configs"] = {run.address.method: run.digest for run in runs}
    write_record(f"{ROOT}/{search.scale}/tuning/{suite}.json", record)
    print(f"{suite}: {record['winners']}")


def measured(run: RunSpec, metric: str) -> dict[str, float]:
    """The judged metric of a candidate, by cell name."""
    paths = [cell.address.path for cell in run.cells]
    return {path.stem: CellForm.read(path)["metrics"][metric] for path in paths}


def mean_ranks(scores: list[list[float]]) -> list[float]:
    """Mean over cells of each candidate's rank (1 = lowest); scores[candidate][cell]. Ties share the lower rank."""
    columns = list(zip(*scores))
    return [sum(1 + sum(other < row[i] for other in columns[i]) for i in range(len(row))) / len(row) for row in scores]
