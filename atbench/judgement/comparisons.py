"""Which cells test a claim: the cells of two methods at one budget, paired by what they share."""

from collections.abc import Mapping
from dataclasses import dataclass

from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Benchmark
from atbench.spec.models.evidence import BUDGETS, CURVE, GRID, Budget, Claim
from atbench.spec.probes import probes
from atbench.spec.run import CellSpec, RunSpec

Point = tuple[str, str, str, int]  # method, step, sampler, nfe: a cell of any seed
Pair = tuple[Point, Point]  # the claimed method's and its baseline's


@dataclass(frozen=True)
class Comparison:
    """One verdict: a claim in a suite, on some samplers, at one budget.

    ``groups`` maps a name to pairs of points, the method's and the baseline's: one nameless group whose cells are
    averaged, or a group per sampler where the claim needs every one of them. ``gap`` says why it cannot be judged;
    without groups no command could change that. ``baseline_samplers``, one for each of ``samplers``, are others where
    a claim is about training-free samplers.
    """

    claim: str
    suite: str
    samplers: tuple[str, ...]
    budget: Budget
    method: str
    baseline: str
    groups: dict[str, list[Pair]]
    baseline_samplers: tuple[str, ...]
    gap: str = ""

    @property
    def pairs(self) -> list[Pair]:
        return [pair for pairs in self.groups.values() for pair in pairs]


def comparisons(benchmark: Benchmark, suites: list[str]) -> list[Comparison]:
    """Every comparison of claims.yaml, in its order. Those outside ``suites``, the reported ones, say so as a gap.

    The tests of a family stand only where their methods are trained, those of training-free samplers only where the
    scale names which: elsewhere nobody misses them.
    Raises UserError where a baseline does not have the budget that the claim says it has.
    """
    return _of(benchmark, benchmark.claims, suites)


def _of(benchmark: Benchmark, claims: Mapping[str, Claim], suites: list[str]) -> list[Comparison]:
    """The comparisons of some claims."""
    made = []
    for name, claim in claims.items():
        split = [(sampler,) for sampler in claim.samplers] if claim.judged == "each" else [claim.samplers]
        for suite in claim.suites:
            for samplers in split:
                for kind in (kind for kind in BUDGETS if kind in claim.against):
                    if _stands(benchmark, claim, suite, samplers, kind):
                        made.append(_comparison(benchmark, name, suite, samplers, kind, suites))
    return made


def _stands(benchmark: Benchmark, claim: Claim, suite: str, samplers: tuple[str, ...], kind: Budget) -> bool:
    if claim.training_free:
        named = benchmark.suite(suite).size.best_training_free if suite in benchmark.suites else {}
        return {*samplers} <= {*named}
    return not claim.family or not _gap(benchmark, suite, (claim.method, claim.against[kind]))


def of_families(benchmark: Benchmark, suites: list[str]) -> list[Comparison]:
    """The comparisons that belong to a family, where one of them stands in ``suites``; otherwise none."""
    claims = {name: claim for name, claim in benchmark.claims.items() if claim.family}
    found = _of(benchmark, claims, suites)
    return found if any(each.suite in suites for each in found) else []


def of_training_free(benchmark: Benchmark, suite: str) -> list[Comparison]:
    """The comparisons of a suite in which samplers are corrected without training."""
    claims = {name: claim for name, claim in benchmark.claims.items() if claim.training_free}
    return [each for each in _of(benchmark, claims, [suite]) if each.suite == suite]


def _comparison(
    benchmark: Benchmark, name: str, suite: str, samplers: tuple[str, ...], kind: Budget, suites: list[str]
) -> Comparison:
    claim = benchmark.claims[name]
    method, baseline = claim.method, claim.against[kind]
    own, others = _sampled(benchmark, claim, suite, samplers)
    gap, groups = _gap(benchmark, suite, (method, baseline)), {}
    if not gap:
        ours, theirs = (benchmark.suite(suite).run(each, 0) for each in (method, baseline))  # seeds are all alike
        if claim.points != CURVE:
            _check_budget(f"experiments/claims.yaml: claims.{name}.against.{kind}", kind, ours, theirs)
        found = {pair[0]: _pairs(claim, ours, theirs, pair, kind) for pair in zip(own, others)}
        lacking = [benchmark.samplers[sampler].label for sampler, pairs in found.items() if not pairs]
        gap = f"suite {suite} has no such cells of {', '.join(lacking)} at scale {benchmark.scale}" if lacking else ""
        pooled = {"": [pair for pairs in found.values() for pair in pairs]}
        groups = {} if gap else found if claim.judged == "every" else pooled
    if groups and suite not in suites:
        gap = f"suite {suite} is not part of this report"
    return Comparison(name, suite, own, kind, method, baseline, groups, others, gap)


def _sampled(
    benchmark: Benchmark, claim: Claim, suite: str, samplers: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The samplers of the claimed method, and for each that of its baseline."""
    if not claim.training_free:
        return samplers, samplers
    named = benchmark.suite(suite).size.best_training_free
    best = tuple(named[sampler] for sampler in samplers)
    return (best if claim.training_free == "both" else samplers), best


def _gap(benchmark: Benchmark, suite: str, methods: tuple[str, ...]) -> str:
    """Why a claim cannot be tested in a suite; empty when it can."""
    if suite not in benchmark.suites:
        return f"scale {benchmark.scale} has no suite {suite}"
    absent = [method for method in methods if method not in benchmark.suite(suite).methods]
    return f"suite {suite} does not train {absent[0]}" if absent else ""


def _pairs(claim: Claim, run: RunSpec, other: RunSpec, samplers: tuple[str, str], kind: Budget) -> list[Pair]:
    """Cells of the claim's method and its baseline with the sampler of each, and one NFE and budget.

    On a curve a baseline that continues another run has that run's points too: both are one longer training.
    """
    sampler, theirs = samplers
    if claim.points == CURVE:
        partners = {_spent(cell, kind): cell for each in _chain(other) for cell in _cells(claim, each, theirs)}
        keys = {_spent(cell, kind): cell for cell in _cells(claim, run, sampler)}
    else:
        partners = {_step(cell): cell for cell in _cells(claim, other, theirs)}
        keys = {_step(cell): cell for cell in _cells(claim, run, sampler)}
    return [(_point(cell), _point(partners[key])) for key, cell in keys.items() if key in partners]


def _chain(run: RunSpec) -> list[RunSpec]:
    """A run and those that it continues, the last first."""
    before = run.parents.get("continues")
    return [run] if before is None else [run, *_chain(before)]


def _cells(claim: Claim, run: RunSpec, sampler: str) -> list[CellSpec]:
    """The points of a run that the claim is about."""
    return [cell for cell in _points(claim, run) if cell.address.sampler == sampler and claim.nfe.holds(cell.nfe)]


def _points(claim: Claim, run: RunSpec) -> list[CellSpec]:
    if claim.points == GRID:
        return [cell for cell in run.cells if cell.address.step == FINAL]
    if claim.points == CURVE:
        return list(run.curve_cells)
    found: list[CellSpec] = probes()[claim.points].claim_cells(run)
    return found


def _step(cell: CellSpec) -> tuple[int, str]:
    return cell.nfe, cell.address.step


def _spent(cell: CellSpec, kind: Budget) -> tuple[int, int]:
    return cell.nfe, cell.run.budget(cell.address.step).spent(kind)


def _check_budget(key: str, kind: Budget, run: RunSpec, other: RunSpec) -> None:
    """Costs are rounded to whole batches, hence the 1 %."""
    ours, theirs = (each.budget().spent(kind) for each in (run, other))
    if abs(ours - theirs) > (0.01 * ours if kind == "cost" else 0):
        names = f"{other.address.method} has {theirs:,} and {run.address.method} {ours:,}"
        raise UserError(f"{key}: {names} in the suite {run.suite.name}")


def _point(cell: CellSpec) -> Point:
    address = cell.address
    return address.run.method, address.step, address.sampler, address.nfe
