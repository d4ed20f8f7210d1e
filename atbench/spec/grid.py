"""Which points of sampler x NFE a suite asks of a run: the grid of its last step and its convergence curve."""

from collections.abc import Iterable
from typing import NamedTuple

from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL
from atbench.spec.corrections import NotKnown
from atbench.spec.models.methods import Method
from atbench.spec.models.samplers import KINDS
from atbench.spec.nfe import check
from atbench.spec.scales import at
from atbench.spec.suite import SuiteSpec


class Point(NamedTuple):
    """A cell of any run: training step, sampler and network evaluations per image."""

    step: str
    sampler: str
    nfe: int


def fits(suite: SuiteSpec, method: Method, sampler: str) -> bool:
    """Whether a sampler samples what a method trains."""
    return suite.sampler(sampler).objective == method.sampled_as


def fitting(suite: SuiteSpec, method: Method, samplers: Iterable[str]) -> list[str]:
    """Those of ``samplers`` that sample what a method trains."""
    return [sampler for sampler in samplers if fits(suite, method, sampler)]


def samplers_of(suite: SuiteSpec) -> list[str]:
    """The samplers of a suite that fit a method of it at this scale: a teacher may be of one kind or another."""
    methods = [suite.method(name) for name in suite.methods]
    return [sampler for sampler in suite.samplers if any(fits(suite, method, sampler) for method in methods)]


def nfe_of(suite: SuiteSpec, sampler: str | None = None) -> list[int]:
    """The step counts of a suite's grid; of one sampler where they differ, else of all used."""
    if isinstance(suite.grid, tuple):
        return list(suite.grid)
    used = [sampler] if sampler else samplers_of(suite)
    return sorted({nfe for name in used for nfe in suite.grid[name]})


def nearest_nfe(suite: SuiteSpec, sampler: str, wanted: int) -> int:
    """The step count of the grid that is nearest: small scales lack the large ones."""
    return min(nfe_of(suite, sampler), key=lambda nfe: abs(nfe - wanted))


def points(suite: SuiteSpec, method: Method, seed: int, steps: Iterable[str]) -> list[Point]:
    """The declared cells of a run with the snapshots ``steps``: its grid, then what its curve has beside it.

    A seed of the headline has its cells alone.
    """
    headline = suite.size.headline
    if headline is not None and seed in headline.seeds:
        return [Point(FINAL, s, nfe) for s in fitting(suite, method, headline.samplers) for nfe in headline.nfe]
    grid = [Point(FINAL, s, nfe) for s in fitting(suite, method, suite.samplers) for nfe in nfe_of(suite, s)]
    return grid + [point for point in curve_points(suite, method, steps) if point not in grid]


def curve_points(suite: SuiteSpec, method: Method, steps: Iterable[str]) -> list[Point]:
    """The cells of a run's convergence curve, its last step included."""
    if suite.curves is None:
        return []
    nfes = {s: nearest_nfe(suite, s, suite.curves.nfe) for s in fitting(suite, method, suite.curves.samplers)}
    return [Point(step, sampler, nfe) for step in steps for sampler, nfe in nfes.items()]


def steps_of(suite: SuiteSpec, sampler: str, nfe: int) -> int:
    """Steps of a sampler that spend ``nfe`` network evaluations. Raises UserError naming the nearest NFE that can be.

    A teacher under guidance evaluates its network twice a step; a student was distilled from that and evaluates once.
    """
    entry, distillation = suite.sampler(sampler), suite.training.distillation
    if nfe % entry.evaluations_per_step:
        raise UserError(f"nfe {nfe}: guidance takes two evaluations a step; nearest valid nfe: {nfe + 1}")
    steps = nfe // entry.evaluations_per_step
    spends = KINDS[entry.kind].constants.get("spends")
    try:
        check(spends, steps, entry, distillation.grid if distillation else None)
    except NotKnown as error:
        key = f"suites.{suite.drawn_as}.sampling.{sampler}.{error.key}"
        raise UserError(f"{at(suite.scale, key)}: {error.reason}") from error
    return steps
