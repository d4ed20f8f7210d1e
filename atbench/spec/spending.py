"""Step counts that samplers can spend: of suites' grids, of side measures and of the tuning search."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from atbench.runtime.errors import UserError
from atbench.spec import grid
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.fit import CAPTION, suite_file
from atbench.spec.suite import SEARCH_PREFIX
from atbench.spec.tuning import looks_through


class Asked(NamedTuple):
    """Step counts that a file asks of samplers on a suite's runs."""

    where: str  # file and key
    suite: Suite
    samplers: tuple[str, ...]
    counts: tuple[int, ...]


def check(benchmark: Benchmark) -> None:
    """Raises UserError naming the file and key of the first step count, or guidance, that a sampler cannot have."""
    for name in benchmark.suites:
        if benchmark.suite(name).samplers:
            _guidance(benchmark.suite(name))
    for where, suite, samplers, counts in [*_grids(benchmark), *_probes(benchmark), *_searches(benchmark)]:
        methods = [suite.method(name) for name in suite.methods]
        for sampler in samplers:
            for count in counts if any(grid.fits(suite, method, sampler) for method in methods) else ():
                if reason := _unspendable(suite, sampler, count):
                    is_placed = reason.startswith("experiments/")  # of a constant that the scale lacks
                    raise UserError(reason if is_placed else f"{where}: {sampler}: {reason}")


def _guidance(suite: Suite) -> None:
    """A sampler leads towards a caption where its networks know one."""
    distillation = suite.training.distillation
    guided = distillation is not None and distillation.guidance is not None
    for name in grid.samplers_of(suite):
        sampler = suite.sampler(name)
        if sampler.guidance is not None and suite.conditional != CAPTION:
            reason = f"{name!r} is guided towards a {CAPTION}, and {suite.name} has none"
            raise UserError(f"{suite_file(suite)}: samplers: {reason}")
        if sampler.is_distilled and (sampler.guidance is not None) != guided:
            reason = f"{name!r} {'is not' if guided else 'is'} guided, unlike what training.distillation makes"
            raise UserError(f"{suite_file(suite)}: samplers: {reason}")


def _grids(benchmark: Benchmark) -> Iterator[Asked]:
    for suite in map(benchmark.suite, benchmark.suites):
        declared = benchmark.declared[suite.name].nfe
        for sampler in grid.samplers_of(suite):
            key = f"{suite_file(suite)}: nfe" + (f".{sampler}" if isinstance(declared, dict) else "")
            where = f"experiments/scales/{suite.scale}.yaml: nfe" if declared is None else key
            yield Asked(where, suite, (sampler,), tuple(grid.nfe_of(suite, sampler)))


def _probes(benchmark: Benchmark) -> Iterator[Asked]:
    settings: Any
    for probe, settings in benchmark.probes.items():
        cells, key = getattr(settings, "cells", settings), "cells.nfe" if hasattr(settings, "cells") else "nfe"
        if hasattr(cells, "samplers") and hasattr(cells, "nfe"):
            counts = cells.nfe if isinstance(cells.nfe, tuple) else (cells.nfe,)
            for suite in (name for name in settings.sampled if name in benchmark.suites):
                yield Asked(f"experiments/{probe}.yaml: {key}", benchmark.suite(suite), cells.samplers, counts)


def _searches(benchmark: Benchmark) -> Iterator[Asked]:
    for name in benchmark.searches:
        suite, through = benchmark.suite(SEARCH_PREFIX + name), looks_through(benchmark.tuning, name)
        key = f"samplers.{through}.nfe" if through else f"search.{name}.cells.nfe"
        yield Asked(f"experiments/tuning.yaml: {key}", suite, suite.samplers, tuple(grid.nfe_of(suite)))


def _unspendable(suite: Suite, name: str, count: int) -> str | None:
    """Why a sampler of a suite cannot spend a step count; None where it can."""
    try:
        grid.steps_of(suite, name, count)
    except UserError as error:
        return str(error)
    return None
