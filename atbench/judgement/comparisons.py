"""Which cells test a claim: the cells of two methods at one budget, paired by what they share."""

from dataclasses import dataclass

from atbench import measures, plan
from atbench.config import Benchmark
from atbench.evidence import BUDGETS, CLAIMS
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL, Cell, Run
from atbench.workload import Budget, budget

Point = tuple[str, str, str, int]  # method, step, sampler, nfe: a cell of any seed
POINTS = {  # `points` of a claim -> those of a run
    "grid": lambda benchmark, run: [cell for cell in plan.cells(benchmark, run) if cell.step == FINAL],
    "curve": plan.curve_cells,
    "mismatch": measures.mismatch_cells,
    "wide": measures.wide_cells,
}


@dataclass(frozen=True)
class Comparison:
    """One verdict: a claim in a suite, on some samplers, at one budget.

    ``groups`` maps a name to pairs of points, the method's and the baseline's: one nameless group whose cells are
    averaged, or a group per sampler where the claim needs every one of them. ``gap`` says why it cannot be judged;
    without groups no command could change that.
    """

    claim: str
    suite: str
    samplers: tuple[str, ...]
    budget: str  # of BUDGETS
    method: str
    baseline: str
    groups: dict[str, list[tuple[Point, Point]]]
    gap: str = ""

    @property
    def pairs(self) -> list[tuple[Point, Point]]:
        return [pair for pairs in self.groups.values() for pair in pairs]


def comparisons(benchmark: Benchmark, suites: list[str]) -> list[Comparison]:
    """Every comparison of claims.yaml, in its order. Those outside ``suites``, the reported ones, say so as a gap.

    Raises UserError where a baseline does not have the budget that the claim says it has.
    """
    made = []
    for name, claim in benchmark.claims["claims"].items():
        split = [(s,) for s in claim["samplers"]] if claim["judged"] == "each" else [tuple(claim["samplers"])]
        for suite in claim["suites"]:
            for samplers in split:
                for kind in (kind for kind in BUDGETS if kind in claim["against"]):
                    made.append(_comparison(benchmark, name, suite, samplers, kind, suites))
    return made


def _comparison(
    benchmark: Benchmark, name: str, suite: str, samplers: tuple[str, ...], kind: str, suites: list[str]
) -> Comparison:
    claim = benchmark.claims["claims"][name]
    method, baseline = claim["method"], claim["against"][kind]
    gap, groups = _gap(benchmark, claim, suite, (method, baseline)), {}
    if not gap:
        found = {s: _pairs(benchmark, name, suite, s, kind) for s in samplers}
        gap = "" if all(found.values()) else f"suite {suite} has no such cells at scale {benchmark.scale}"
        pooled = {"": [pair for pairs in found.values() for pair in pairs]}
        groups = {} if gap else found if claim["judged"] == "every" else pooled
    if groups and suite not in suites:
        gap = f"suite {suite} is not part of this report"
    return Comparison(name, suite, samplers, kind, method, baseline, groups, gap)


def _gap(benchmark: Benchmark, claim: dict, suite: str, methods: tuple[str, ...]) -> str:
    """Why a claim cannot be tested in a suite; empty when it can."""
    if suite not in benchmark.sizes["suites"]:
        return f"scale {benchmark.scale} has no suite {suite}"
    absent = [m for m in methods if m not in benchmark.suites[suite]["methods"]]
    return f"suite {suite} does not train {absent[0]}" if absent else ""


def _pairs(benchmark: Benchmark, name: str, suite: str, sampler: str, kind: str) -> list[tuple[Point, Point]]:
    """Cells of the claim's method and its baseline with one sampler, NFE and budget.

    On a curve a baseline that continues another run has that run's points too: both are one longer training.
    """
    claim = benchmark.claims["claims"][name]
    first = Run(benchmark.scale, suite, claim["method"], 0)  # the plan of every seed is the same
    chain = [Run(benchmark.scale, suite, claim["against"][kind], 0)]
    if claim.get("points") != "curve":
        _check_budget(benchmark, f"{CLAIMS}: claims.{name}.against.{kind}", kind, first, chain[0])
        partners = {(c.nfe, c.step): c for c in _cells(benchmark, claim, chain[0], sampler)}
        keys = {(c.nfe, c.step): c for c in _cells(benchmark, claim, first, sampler)}
    else:
        while (before := plan.parents(benchmark, chain[-1]).get("continues")) is not None:
            chain.append(before)
        later = [c for run in chain for c in _cells(benchmark, claim, run, sampler)]
        partners = {(c.nfe, spent(budget(benchmark, c.run, c.step), kind)): c for c in later}
        mine = _cells(benchmark, claim, first, sampler)
        keys = {(c.nfe, spent(budget(benchmark, c.run, c.step), kind)): c for c in mine}
    return [(_point(cell), _point(partners[key])) for key, cell in keys.items() if key in partners]


def _cells(benchmark: Benchmark, claim: dict, run: Run, sampler: str) -> list[Cell]:
    """The points of a run that the claim is about."""
    low, high = claim["nfe"].get("from", 1), claim["nfe"].get("to", float("inf"))
    points = POINTS[claim.get("points", "grid")](benchmark, run)
    return [cell for cell in points if cell.sampler == sampler and low <= cell.nfe <= high]


def spent(of: Budget, kind: str) -> int:
    """Batches, updates, or cost in forward passes."""
    return {"batches": of.batches, "updates": of.updates, "cost": of.passes}[kind]


def _check_budget(benchmark: Benchmark, key: str, kind: str, run: Run, other: Run) -> None:
    """Costs are rounded to whole batches, hence the 1 %."""
    ours, theirs = (spent(budget(benchmark, each), kind) for each in (run, other))
    if abs(ours - theirs) > (0.01 * ours if kind == "cost" else 0):
        raise UserError(f"{key}: {other.method} has {theirs:,} and {run.method} {ours:,} in the suite {run.suite}")


def _point(cell: Cell) -> Point:
    return cell.run.method, cell.step, cell.sampler, cell.nfe
