"""What results amount to before anything runs: batches, passes of the network, jobs, files. No torch in here."""

from dataclasses import dataclass

from atbench import plan, slices
from atbench.budget import PASSES_PER_UPDATE, passes_per_batch, updates_per_batch
from atbench.config import Benchmark
from atbench.spec.address import FINAL, Run

SHARED_REPORTS = 2  # jobs across suites: the tidy file of all cells, the verdicts


@dataclass(frozen=True)
class Workload:
    """The jobs of one suite. Passes and evaluations count single images, so that batch sizes do not matter."""

    suite: str
    runs: tuple[Run, ...]
    judged: bool  # whether its cells and tables are wanted too, or only the runs for others to build on
    compute_jobs: int  # of training, importing and evaluating
    report_jobs: int
    batches: int  # trained
    passes: int  # forward passes of the network in training, a backward pass counted as two
    evaluations: int  # of the network in sampling, the padding of the last block included
    snapshots: int
    cells: int


def workloads(benchmark: Benchmark, suites: list[str], block: int) -> list[Workload]:
    """One workload per suite, ``suites`` and before them what they rest on: of those, training alone.

    ``block`` is the number of images that a scale without one of its own samples at once. Raises UserError for an
    unknown suite.
    """
    for suite in suites:
        benchmark.suite(suite)
    grouped: dict[str, list[Run]] = {}
    for run in needed(benchmark, suites):
        grouped.setdefault(run.suite, []).append(run)
    return [_workload(benchmark, suite, runs, suite in suites, block) for suite, runs in grouped.items()]


def needed(benchmark: Benchmark, suites: list[str]) -> list[Run]:
    """The runs of ``suites`` and all that they are made from, each after those that it needs."""
    found: dict[Run, None] = {}

    def add(run: Run) -> None:
        if run not in found:
            for parent in plan.parents(benchmark, run).values():
                add(parent)
            found[run] = None

    for run in plan.foundations(benchmark, suites) + [run for suite in suites for run in plan.runs(benchmark, suite)]:
        add(run)
    return list(found)


def shared_jobs(benchmark: Benchmark, suites: list[str]) -> int:
    """Jobs that belong to no suite: a reference per set of real images, a reconstruction per autoencoder, reports."""
    judged = [suite for suite in suites if benchmark.suite(suite)["samplers"]]
    references = {plan.reference_path(benchmark, suite) for suite in judged}
    latent = {plan.reconstruction_path(benchmark, suite) for suite in judged if plan.is_latent(benchmark, suite)}
    return len(references) + len(latent) + SHARED_REPORTS


def trained_batches(benchmark: Benchmark, run: Run) -> int:
    """Batches that the job of a run trains on, without those of the run that it continues."""
    if plan.checkpoint(benchmark, run):
        return 0
    before = plan.parents(benchmark, run).get("continues")
    done = plan.snapshots(benchmark, before)[FINAL] if before else 0
    return plan.snapshots(benchmark, run)[FINAL] - done


def passes_per_image(benchmark: Benchmark, run: Run) -> int:
    """Forward passes that training spends on an image of a batch."""
    _, method, _ = plan.resolved(benchmark, run)
    if method["objective"] != plan.CONSISTENCY:
        return passes_per_batch(method, None)
    return passes_per_batch(method, slices.training_slice(benchmark, run)["distillation"])


def training_passes(benchmark: Benchmark, run: Run) -> int:
    """Forward passes of single images that the training job of a run amounts to."""
    batches = trained_batches(benchmark, run)
    if not batches:
        return 0
    return batches * slices.training_slice(benchmark, run)["batch_size"] * passes_per_image(benchmark, run)


def sampling_evaluations(benchmark: Benchmark, run: Run, block: int) -> int:
    """Network evaluations of single images that the cells of a run amount to; ``block`` as in `workloads`."""
    evaluation = plan.evaluation_of(benchmark, run.suite)
    block = evaluation.get("block", block)
    images = -(-evaluation["samples"] // block) * block  # the last block is generated whole
    return images * sum(cell.nfe for cell in plan.cells(benchmark, run))


def _workload(benchmark: Benchmark, suite: str, runs: list[Run], judged: bool, block: int) -> Workload:
    cells = [len(plan.cells(benchmark, run)) if judged else 0 for run in runs]
    return Workload(
        suite=suite,
        runs=tuple(runs),
        judged=judged,
        compute_jobs=len(runs) + sum(count > 0 for count in cells),
        report_jobs=int(judged),
        batches=sum(trained_batches(benchmark, run) for run in runs),
        passes=sum(training_passes(benchmark, run) for run in runs),
        evaluations=sum(sampling_evaluations(benchmark, run, block) for run in runs) if judged else 0,
        snapshots=sum(len(plan.snapshots(benchmark, run)) for run in runs),
        cells=sum(cells),
    )


@dataclass(frozen=True)
class Budget:
    """What a run was trained with: ``batches`` of images seen, ``updates`` of the parameters, and ``passes``.

    A pass is a forward pass of the network for a batch; a backward pass counts as two, teacher and target count too.
    It is shown where it does not follow from the updates: in distillation, and where rounds only move delta.
    """

    batches: int
    updates: int
    passes: int

    @property
    def follows_from_updates(self) -> bool:
        return self.passes == PASSES_PER_UPDATE * self.updates

    def __str__(self) -> str:
        text = f"{self.batches:,} batches / {self.updates:,} updates"
        return text if self.follows_from_updates else f"{text} / {self.passes:,} passes"

    def against(self, other: "Budget") -> str:
        """In words, what two runs have in common."""
        same = [name for name in ("batches", "updates") if getattr(self, name) == getattr(other, name)]
        follow = self.follows_from_updates and other.follows_from_updates  # then equal updates say it
        if not follow and abs(self.passes - other.passes) <= 0.01 * other.passes:
            same.append("passes")
        return f"equal {' and '.join(same)}" if same else "unequal budgets"


def budget(benchmark: Benchmark, run: Run, step: str = FINAL) -> Budget:
    """The declared budget of a run up to a snapshot: a continued run counts from the beginning of the one before."""
    method = benchmark.methods[run.method]
    batches = plan.snapshots(benchmark, run)[step]
    parent = plan.parents(benchmark, run).get("continues")
    before = budget(benchmark, parent) if parent else Budget(0, 0, 0)
    own = batches - before.batches
    distillation = slices.training_slice(benchmark, run).get("distillation")
    passes = before.passes + own * passes_per_batch(method, distillation)
    return Budget(batches, before.updates + own * updates_per_batch(method), passes)
