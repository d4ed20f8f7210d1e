"""Plain training: no perturbation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.training.draw import Draw


@dataclass(frozen=True)
class NoPerturbation:
    """Plain training: delta is zero."""

    kind: ClassVar[str] = "none"
    inner_steps: ClassVar[int] = 1
    follow: ClassVar[bool] = False
    free: ClassVar[bool] = True

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        return delta
