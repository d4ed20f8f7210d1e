"""Replay: as many rounds on one batch as adversarial training makes, without a perturbation."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.spec.fields import Rounds
from atbench.training.draw import Draw
from atbench.training.perturbations.base import Perturbation


@dataclass(frozen=True)
class ReplayPerturbation(Perturbation):
    """Plain training that makes K updates on the same x0, t and eps: what is left of free AT when delta is zero.

    Batches, updates, images and dropout masks are those of AT, bit for bit those of an ascent of no length. So AT
    against it isolates delta, where against plain training of 3x the batches it has seen other images too.
    """

    kind: ClassVar[str] = "replay"
    plain: ClassVar[bool] = True
    follow: ClassVar[bool] = False
    free: ClassVar[bool] = True
    inner_steps: Rounds  # K: updates on one batch

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)
