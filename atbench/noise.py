"""Random tensors by name: the torch side of ``atbench.seeds``."""

import torch
from torch import Tensor

from atbench.seeds import seed_of


def generator(*names: str | int) -> torch.Generator:
    """A CPU generator seeded by name. Always the CPU's: the same numbers on every device."""
    return torch.Generator().manual_seed(seed_of(*names))


def gaussian(shape: tuple[int, ...], *names: str | int) -> Tensor:
    """Standard normal tensor of ``shape``, a pure function of its names."""
    return torch.randn(shape, generator=generator(*names))


def uniform(shape: tuple[int, ...], *names: str | int) -> Tensor:
    """Uniform [0, 1) tensor of ``shape``, a pure function of its names."""
    return torch.rand(shape, generator=generator(*names))
