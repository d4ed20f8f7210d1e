"""The tuning search as a plan: its candidate runs, and what judges them. No torch: the Snakefile imports this.

A candidate is a run of the suite ``tune-<suite>`` whose method is named ``<method>-c<index>``.
"""

from atbench.config import TUNE_PREFIX, Benchmark
from atbench.runtime.errors import unknown
from atbench.spec.address import Run


def suites(benchmark: Benchmark) -> list[str]:
    """The suites of a scale that the search looks through."""
    sizes = benchmark.sizes["suites"]
    return sorted({searched for suite, searched in benchmark.tuning["suites"].items() if suite in sizes})


def grids(benchmark: Benchmark, suite: str) -> dict[str, dict[str, list[float]]]:
    """Method -> {constant: candidate values} of the search for ``suite``."""
    return _declared(benchmark, suite)["methods"]


def judging_cells(benchmark: Benchmark, suite: str) -> dict[str, list]:
    """The ``samplers`` and ``nfe`` by whose cells candidates are judged."""
    return _declared(benchmark, suite)["cells"]


def candidates(benchmark: Benchmark, suite: str) -> list[Run]:
    """Every candidate run of the search for ``suite``."""
    counts = {method: len(next(iter(grid.values()))) for method, grid in grids(benchmark, suite).items()}
    names = [f"{method}-c{index}" for method, count in counts.items() for index in range(count)]
    return [Run(benchmark.scale, TUNE_PREFIX + suite, name, benchmark.tuning["seed"]) for name in names]


def is_candidate(run: Run) -> bool:
    return run.suite.startswith(TUNE_PREFIX)


def base_method(run: Run) -> str:
    """The declared method behind a run: ``at`` for the candidate ``at-c2``."""
    return run.method.rpartition("-c")[0] if is_candidate(run) else run.method


def overrides(benchmark: Benchmark, run: Run) -> dict[str, float]:
    """The constants that a candidate tries. Raises UserError for one that the search does not have."""
    name, _, index = run.method.rpartition("-c")
    grid = grids(benchmark, run.suite).get(name, {})
    values = {key: dict(enumerate(v)).get(int(index)) if index.isdigit() else None for key, v in grid.items()}
    if not values or None in values.values():
        raise unknown("tuning candidate", run.method, [r.method for r in candidates(benchmark, run.suite)])
    return values


def _declared(benchmark: Benchmark, suite: str) -> dict:
    declared, suite = benchmark.tuning["search"], suite.removeprefix(TUNE_PREFIX)
    if suite not in declared:
        raise unknown("tuning search", suite, declared)
    return declared[suite]
