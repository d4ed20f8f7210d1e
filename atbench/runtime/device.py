"""Where tensors live, and how many threads compute: chosen once per process and written into every record.

torch is imported where it is used, so that the Snakefile can read the choice without paying for it.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from atbench.runtime.errors import UserError

if TYPE_CHECKING:
    import torch

DEVICE_VARIABLE = "ATBENCH_DEVICE"
PROCESSES_VARIABLE = "ATBENCH_PROCESSES"  # that share a job of training or evaluation; torchrun starts them
STATE_VARIABLE = "ATBENCH_STATE_MINUTES"  # after which training sets its state aside, again and again
STATE_MINUTES = 10.0
CHOICES = ("auto", "cuda", "mps", "cpu")
# Environment of jobs: by default glibc hands every large block back to the system at once, and page faults become a
# tenth of a training batch (tests/benchmarks/allocator.py).
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
    "MALLOC_TOP_PAD_": str(2**26),
}


def wanted() -> str:
    """The device asked for by the environment variable ATBENCH_DEVICE; ``auto`` without it."""
    device = os.environ.get(DEVICE_VARIABLE, "auto")
    if device not in CHOICES:
        raise UserError(f"{DEVICE_VARIABLE}: {device!r} is unknown; allowed: {', '.join(CHOICES)}")
    return device


def gpus(needed: bool) -> int:
    """NVIDIA GPUs that a job wants, judged without torch: one for each of its processes, or none.

    ``needed`` says that the work is for GPUs: where jobs are submitted, this machine may have none.
    """
    there = needed or Path("/dev/nvidia0").exists()
    return processes() if wanted() == "cuda" or (wanted() == "auto" and there) else 0


def choose(threads: int) -> torch.device:
    """Set the CPU threads (results' bits depend on their number) and pick the device: CUDA, else MPS, else CPU.

    ATBENCH_DEVICE forces one. Raises UserError when it is unknown or absent here.
    """
    import torch

    torch.set_num_threads(threads)
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    chosen = next(name for name, there in present.items() if there) if wanted() == "auto" else wanted()
    if not present[chosen]:
        raise UserError(f"{DEVICE_VARIABLE}: {chosen} is not available on this machine")
    if chosen == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))  # torchrun's: a GPU for each process
    return torch.device(chosen)


def processes() -> int:
    """How many processes are asked to share a job. Raises UserError for anything but a positive whole number."""
    count = os.environ.get(PROCESSES_VARIABLE, "1")
    if not (count.isdecimal() and int(count)):
        raise UserError(f"{PROCESSES_VARIABLE}: {count!r} is no number of processes")
    return int(count)


def state_minutes() -> float:
    """Minutes between two states that training sets aside. Raises UserError as `minutes_of` does."""
    return minutes_of(STATE_VARIABLE, STATE_MINUTES)


def minutes_of(variable: str, otherwise: float) -> float:
    """Minutes that an environment variable asks for; ``otherwise`` without it.

    Raises UserError for what is no positive, finite number.
    """
    asked = os.environ.get(variable)
    if asked is None:
        return otherwise
    try:
        minutes = float(asked)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes < math.inf:
        raise UserError(f"{variable}: {asked!r} is no number of minutes")
    return minutes


def describe(device: torch.device) -> str:
    """Name of the device for a record."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def cpu_seconds() -> float:
    """CPU seconds that this process has used so far; at the first work of a job, its start-up cost."""
    return round(time.process_time(), 3)
