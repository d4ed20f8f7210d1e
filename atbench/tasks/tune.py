"""The tuning search: rank the candidates of each method and say which value won."""

from atbench import plan, search, slices
from atbench.config import Benchmark
from atbench.runtime.files import read_cell, write_json
from atbench.spec.address import ROOT, Run, parse_run


def choose(benchmark: Benchmark, suite: str) -> None:
    """Write ``results/<scale>/tuning/<suite>.json``: every candidate's values, its mean rank, and the winners.

    A candidate's rank is averaged over the judged cells, so that no single NFE decides by its size.
    """
    metric = benchmark.tuning["metric"]
    record = {"suite": suite, "metric": metric, "seed": benchmark.tuning["seed"], "methods": {}, "winners": {}}
    for method, grid in search.grids(benchmark, suite).items():
        (key, values), *_ = grid.items()
        runs = [run for run in search.candidates(benchmark, suite) if run.method.rpartition("-c")[0] == method]
        scores = [measured(benchmark, run, metric) for run in runs]
        ranks = mean_ranks([list(score.values()) for score in scores])
        rows = [{key: v, "mean_rank": r, metric: s} for v, r, s in zip(values, ranks, scores)]
        record["methods"][method] = rows
        record["winners"][method] = {key: values[ranks.index(min(ranks))]}
    record["configs"] = {
        run.method: slices.training_digest(benchmark, run) for run in search.candidates(benchmark, suite)
    }
    write_json(f"{ROOT}/{benchmark.scale}/tuning/{suite}.json", record)
    print(f"{suite}: {record['winners']}")


def measured(benchmark: Benchmark, run: Run, metric: str) -> dict[str, float]:
    """The judged metric of a candidate, by cell name."""
    cells = plan.cells(benchmark, parse_run(run.path))
    return {cell.path.stem: read_cell(cell.path)["metrics"][metric] for cell in cells}


def mean_ranks(scores: list[list[float]]) -> list[float]:
    """Mean over cells of each candidate's rank (1 = lowest); scores[candidate][cell]. Ties share the lower rank."""
    columns = list(zip(*scores))
    return [sum(1 + sum(other < row[i] for other in columns[i]) for i in range(len(row))) / len(row) for row in scores]
