"""What targets of their own measure: files, runs, points and digests. No torch: the Snakefile imports this module."""

from pathlib import Path

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.spec.address import FINAL, ROOT, Cell, Run

COST_BASELINE = ("scratch", "adm")  # suite and method that the cost of all others is a ratio to


def path_of(benchmark: Benchmark, kind: str) -> Path:
    """The JSON of a measure, ``cost`` or ``mixture``."""
    return Path(ROOT, benchmark.scale, f"{kind}.json")


def mismatch_cells(benchmark: Benchmark, run: Run) -> list[Cell]:
    """The points of a run whose sampling its mismatch measures follow."""
    return [Cell(run, FINAL, sampler, benchmark.mismatch["nfe"]) for sampler in benchmark.mismatch["samplers"]]


def wide_cells(benchmark: Benchmark, run: Run) -> list[Cell]:
    """The cells of a run's last step at the step counts beyond its grid; none where its suite has no wider grid."""
    wide = benchmark.wide
    if run.suite not in wide["suites"]:
        return []
    samplers = [sampler for sampler in wide["samplers"] if plan.fits(benchmark, run, sampler)]
    found = [Cell(run, FINAL, sampler, nfe) for sampler in samplers for nfe in wide["nfe"]]
    grid = plan.cells(benchmark, run)
    return [cell for cell in found if cell not in grid]


def target_files(benchmark: Benchmark, target: str, run: Run) -> list[Path]:
    """What a target of its own, ``mismatch`` or ``wide``, writes about a run."""
    if target == "mismatch":
        return [plan.mismatch_path(run)]
    return [cell.path for cell in wide_cells(benchmark, run)]


def cost_runs(benchmark: Benchmark) -> list[Run]:
    """Runs whose training batches stand for what a method costs; the first of a suite is its plain one.

    Suites that the scale lacks are left out, and those on released weights: they do not fit beside the others. Raises
    UserError without the run that all ratios are to.
    """
    suites = [suite for suite in benchmark.cost["methods"] if suite in benchmark.sizes["suites"]]
    here = [suite for suite in suites if not plan.pretrained(benchmark, suite)]
    found = [Run(benchmark.scale, suite, method, 0) for suite in here for method in benchmark.cost["methods"][suite]]
    if Run(benchmark.scale, *COST_BASELINE, 0) not in found:
        raise UserError(f"experiments/cost.yaml: methods: {'/'.join(COST_BASELINE)} is missing, which ratios are to")
    return found


def cost_digest(benchmark: Benchmark) -> str:
    """Of all that determines what is trained when the cost of training is measured."""
    return digest([benchmark.cost, *(slices.training_digest(benchmark, run) for run in cost_runs(benchmark))])


def mixture_digest(benchmark: Benchmark) -> str:
    """Of all that determines the closed-form check of robust objectives on a Gaussian mixture."""
    return digest(benchmark.mixture)
