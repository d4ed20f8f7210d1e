"""What a record says of the machine, and how fast it multiplies matrices."""

import os
import platform
import re
import statistics
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from atbench.runtime import provenance
from atbench.runtime.device import ALLOCATOR
from benchmarks import peers
from benchmarks.method import Stopwatch
from benchmarks.record import Quantity

# A process of one thread, under the allocator settings that jobs of ours run with: both sides of a pair have them.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TORCHINDUCTOR_COMPILE_THREADS")
ENVIRONMENT = dict.fromkeys(THREADS, "1") | ALLOCATOR
FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "asimd", "sve")
SIDE, TIMES = 2048, 5  # rows and columns of the matrices; products of which the median counts
MATMUL_FLOPS = 2 * SIDE**3
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "snakemake", *peers.PACKAGES)


def machine() -> dict[str, object]:
    """The block `machine` of a record."""
    said = _read("/proc/cpuinfo")
    model = re.search(r"^model name\s*: (.+)$", said, re.M)
    words = re.search(r"^(?:flags|Features)\s*: (.+)$", said, re.M)
    present = words[1].split() if words else []
    return {
        "cpu": model[1].strip() if model else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "flags": [flag for flag in FLAGS if flag in present],
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
    }


def name_of(machine: dict[str, object]) -> str:
    """A name for the file of a machine's record: its GPU, or its processor and cores."""
    words = machine["gpu"] or f"{machine['cpu']} {machine['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", str(words).lower()).strip("-")


def circumstances() -> dict[str, object]:
    """When, with which code and libraries."""
    versions = {name: version(name) for name in LIBRARIES} | {"guided-diffusion": peers.COMMIT}
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"versions": versions, "date": date, "environment": ENVIRONMENT} | provenance.commit()


def matmul_seconds(device: torch.device, dtype: torch.dtype, watch: Stopwatch, quantity: Quantity) -> float:
    """Seconds of a product of two square matrices, MATMUL_FLOPS operations: the median of TIMES."""
    a, b = (torch.ones(SIDE, SIDE, device=device, dtype=dtype) for _ in range(2))
    taken = [watch(lambda: torch.mm(a, b))[quantity] for _ in range(TIMES + 1)]
    return statistics.median(taken[1:])


def _read(path: str) -> str:
    return Path(path).read_text(errors="replace") if Path(path).exists() else ""
