"""Random numbers by name: every random draw of the benchmark is addressed by what it is for, never by order or rank.

Two methods of one suite and seed then meet the same batches, noises and latents (common random numbers), and a
result does not change with the batch size, the number of processes or what ran before.
"""

import hashlib
import json

import torch
from torch import Tensor


def seed_of(*names: str | int) -> int:
    """63-bit seed for a tuple of names, e.g. ``seed_of("scratch", 0, "eps", batch_index)``."""
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1  # torch's generators take a signed 64-bit seed


def generator(*names: str | int) -> torch.Generator:
    """A CPU generator seeded by name. Always the CPU's: the same numbers on every device."""
    return torch.Generator().manual_seed(seed_of(*names))


def gaussian(shape: tuple[int, ...], *names: str | int) -> Tensor:
    """Standard normal tensor of ``shape``, a pure function of its names."""
    return torch.randn(shape, generator=generator(*names))


def uniform(shape: tuple[int, ...], *names: str | int) -> Tensor:
    """Uniform [0, 1) tensor of ``shape``, a pure function of its names."""
    return torch.rand(shape, generator=generator(*names))
