"""What a job asks of a cluster's queue: a GPU, memory, minutes. No torch: the Snakefile imports this module.

How much there is to do follows from the experiment files (see `atbench.spec.workload`); how fast it goes, and how much
it holds, stands in the `queue:` block of a scale. Nobody waits for these numbers on a machine of one's own: Snakemake
counts a resource only where there is a limit to it.
"""

import math
from collections.abc import Sequence

from atbench.runtime.device import gpus, minutes_of, processes
from atbench.spec.run import CellSpec, RunSpec
from atbench.spec.suite import SuiteSpec
from atbench.spec.workload import training_passes

TIME_LIMIT_VARIABLE = "ATBENCH_TIME_LIMIT"  # minutes that a training job may take at once, for queues that end jobs
DAY = 24 * 60  # minutes: what a queue grants, where that variable says nothing
MARGIN = 2  # times the estimate: nodes and disks differ, and a job that asks for too little is killed
SPARE = 5  # minutes at both ends of a job: imports and data; what training does after its time is up
SHORT = 10  # minutes: of jobs up to this length several are worth one submission
MILLISECONDS = 60_000  # of a minute


def gpus_of(suite: SuiteSpec) -> int:
    """GPUs of a job: one for each of its processes, where the suite is for GPUs or this machine has one."""
    return gpus(suite.queue.gpu)


def memory_mb(suite: SuiteSpec) -> int:
    """Memory of a job: every process loads the libraries and the images anew."""
    return round(1000 * suite.queue.memory_gb * processes())


def training_minutes(run: RunSpec) -> int:
    """Minutes of a training job, at most what the queue grants: a longer run is continued by further jobs."""
    wanted = MARGIN * training_passes(run) * run.suite.queue.pass_ms / MILLISECONDS / processes()
    return 2 * SPARE + math.ceil(min(wanted, time_limit(DAY)))


def evaluation_minutes(suite: SuiteSpec, cells: Sequence[CellSpec]) -> int:
    """Minutes of a job that makes ``cells`` of a suite: sampling by all processes, metrics by one."""
    evaluations = suite.evaluation.samples * sum(cell.nfe for cell in cells)
    sampling = evaluations * suite.queue.pass_ms / MILLISECONDS / processes()
    return SPARE + math.ceil(MARGIN * (sampling + len(cells) * suite.queue.cell_minutes))


def reference_minutes(suite: SuiteSpec) -> int:
    """Minutes of a job that judges real images: the floor row's resamplings, three more rows, the file itself."""
    judged = suite.evaluation.floor_repeats + 4
    return SPARE + math.ceil(MARGIN * judged * suite.queue.cell_minutes)


def time_limit(otherwise: float) -> float:
    """Minutes that a training job may take at once: ATBENCH_TIME_LIMIT; without it ``otherwise``."""
    return minutes_of(TIME_LIMIT_VARIABLE, otherwise)
