"""Plain training: no perturbation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.training.draw import Draw
from atbench.training.perturbations.one_round import OneRound


@dataclass(frozen=True)
class NoPerturbation(OneRound):
    """Plain training: delta is zero."""

    kind: ClassVar[str] = "none"
    plain: ClassVar[bool] = True

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)
