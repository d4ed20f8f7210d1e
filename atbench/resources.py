"""What a job asks of a cluster's queue: a GPU, memory, minutes. No torch: the Snakefile imports this module.

How much there is to do follows from the experiment files (see `atbench.workload`); how fast it goes, and how much it
holds, stands in the `queue:` block of a scale. Nobody waits for these numbers on a machine of one's own: Snakemake
counts a resource only where there is a limit to it.
"""

import math
import os

from atbench import plan, workload
from atbench.config import Benchmark
from atbench.overlay import merge
from atbench.runtime.device import gpus, processes
from atbench.runtime.errors import UserError
from atbench.spec.address import Cell, Run

TIME_LIMIT_VARIABLE = "ATBENCH_TIME_LIMIT"  # minutes that a training job may take at once, for queues that end jobs
DAY = 24 * 60  # minutes: what a queue grants, where that variable says nothing
MARGIN = 2  # times the estimate: nodes and disks differ, and a job that asks for too little is killed
SPARE = 5  # minutes at both ends of a job: imports and data; what training does after its time is up
SHORT = 10  # minutes: of jobs up to this length several are worth one submission
MILLISECONDS = 60_000  # of a minute


def queue_of(benchmark: Benchmark, suite: str) -> dict:
    """The scale's ``queue:`` block, with what a suite has of its own."""
    return merge(benchmark.sizes["queue"], plan.size_of(benchmark, suite).get("queue", {}))


def gpus_of(benchmark: Benchmark, suite: str) -> int:
    """GPUs of a job: one for each of its processes, where the suite is for GPUs or this machine has one."""
    return gpus(queue_of(benchmark, suite)["gpu"])


def memory_mb(benchmark: Benchmark, suite: str) -> int:
    """Memory of a job: every process loads the libraries and the images anew."""
    return round(1000 * queue_of(benchmark, suite)["memory_gb"] * processes())


def training_minutes(benchmark: Benchmark, run: Run) -> int:
    """Minutes of a training job, at most what the queue grants: a longer run is continued by further jobs."""
    passes = workload.training_passes(benchmark, run)
    wanted = MARGIN * passes * queue_of(benchmark, run.suite)["pass_ms"] / MILLISECONDS / processes()
    return 2 * SPARE + math.ceil(min(wanted, time_limit(DAY)))


def evaluation_minutes(benchmark: Benchmark, run: Run, cells: list[Cell]) -> int:
    """Minutes of a job that makes ``cells`` of ``run``: sampling by all processes, metrics by one."""
    queue, samples = queue_of(benchmark, run.suite), plan.evaluation_of(benchmark, run.suite)["samples"]
    evaluations = samples * sum(cell.nfe for cell in cells)
    sampling = evaluations * queue["pass_ms"] / MILLISECONDS / processes()
    return SPARE + math.ceil(MARGIN * (sampling + len(cells) * queue["cell_minutes"]))


def reference_minutes(benchmark: Benchmark, suite: str) -> int:
    """Minutes of a job that judges real images: the floor row's resamplings, three more rows, the file itself."""
    judged = plan.evaluation_of(benchmark, suite)["floor_repeats"] + 4
    return SPARE + math.ceil(MARGIN * judged * queue_of(benchmark, suite)["cell_minutes"])


def time_limit(otherwise: float) -> float:
    """Minutes that a training job may take at once: ATBENCH_TIME_LIMIT; without it ``otherwise``."""
    asked = os.environ.get(TIME_LIMIT_VARIABLE, otherwise)
    try:
        minutes = float(asked)
    except ValueError:
        minutes = math.nan
    if not minutes > 0:
        raise UserError(f"{TIME_LIMIT_VARIABLE}: {asked!r} is no number of minutes")
    return minutes
