"""What results amount to before anything runs: batches, passes of the network, jobs, files."""

from collections.abc import Sequence
from dataclasses import dataclass

from atbench.spec.benchmark import Benchmark
from atbench.spec.run import RunSpec

SHARED_REPORTS = 2  # jobs across suites: the tidy file of all cells, the verdicts


@dataclass(frozen=True)
class Workload:
    """The jobs of one suite. Passes and evaluations count single images, so that batch sizes do not matter."""

    suite: str
    runs: tuple[RunSpec, ...]
    judged: bool  # whether its cells and tables are wanted too, or only the runs for others to build on
    compute_jobs: int  # of training, importing and evaluating
    report_jobs: int
    batches: int  # trained
    passes: int  # forward passes of the network in training, a backward pass counted as two
    evaluations: int  # of the network in sampling, the padding of the last block included
    snapshots: int
    cells: int


def workloads(benchmark: Benchmark, suites: Sequence[str], block: int) -> list[Workload]:
    """One workload per suite, ``suites`` and before them what they rest on: of those, training alone.

    ``block`` is the number of images that a scale without one of its own samples at once. Raises UserError for an
    unknown suite.
    """
    grouped: dict[str, list[RunSpec]] = {}
    for run in benchmark.needed(list(suites)):
        grouped.setdefault(run.suite.name, []).append(run)
    return [_workload(suite, runs, suite in suites, block) for suite, runs in grouped.items()]


def shared_jobs(benchmark: Benchmark, suites: Sequence[str]) -> int:
    """Jobs that belong to no suite: a reference per set of real images, a reconstruction per autoencoder, reports."""
    judged = [benchmark.suite(name).judging for name in suites if benchmark.suite(name).samplers]
    references = {judging.reference_path() for judging in judged}
    latent = {judging.reconstruction_path for judging in judged} - {None}
    return len(references) + len(latent) + SHARED_REPORTS


def training_passes(run: RunSpec) -> int:
    """Forward passes of single images that the training job of a run amounts to."""
    return run.trained_batches * run.suite.training.batch_size * run.passes_per_batch


def sampling_evaluations(run: RunSpec, block: int) -> int:
    """Network evaluations of single images that the cells of a run amount to; ``block`` as in `workloads`."""
    block = run.suite.evaluation.block or block
    images = -(-run.suite.evaluation.samples // block) * block  # the last block is generated whole
    return images * sum(cell.nfe for cell in run.cells)


def _workload(suite: str, runs: Sequence[RunSpec], judged: bool, block: int) -> Workload:
    cells = [len(run.cells) if judged else 0 for run in runs]
    return Workload(
        suite=suite,
        runs=tuple(runs),
        judged=judged,
        compute_jobs=len(runs) + sum(count > 0 for count in cells),
        report_jobs=int(judged),
        batches=sum(run.trained_batches for run in runs),
        passes=sum(training_passes(run) for run in runs),
        evaluations=sum(sampling_evaluations(run, block) for run in runs) if judged else 0,
        snapshots=sum(len(run.snapshots) for run in runs),
        cells=sum(cells),
    )
