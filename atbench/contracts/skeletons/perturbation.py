"""Perturbation `example-perturbation`: say here what it is and where it comes from."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.rng import gaussian
from atbench.spec.fields import Size
from atbench.training.draw import Draw
from atbench.training.perturbations.one_round import OneRound


@dataclass
class ExamplePerturbation(OneRound):
    """delta = size sigma_t xi with xi ~ N(0, I): noise in proportion to the noise that is there.

    What a perturbation may use: `draw.x0`, `draw.state` (x_t), `draw.sigma`, `draw.t`, `draw.eps`, and the network by
    `draw.predict(x, t)`, which is counted: declare ``passes: ClassVar[int] = 1`` for one call a batch, and, if its
    answer has to be eps, ``perturbs: ClassVar[str] = "noise-prediction"``. For rounds that follow the gradient set
    ``inner_steps`` and write `move`, which sees the network's last output as `draw.previous`. For a memory between
    batches keep it in a field `_name`, and give and take it by `state` and `load`.
    """

    kind: ClassVar[str] = "example-perturbation"
    size: Size  # of delta, in units of the noise level

    def start(self, draw: Draw, names: tuple) -> Tensor:
        """delta (N, C, H, W); every random number by ``names`` and a word of its own."""
        xi = gaussian(draw.state.shape, *names, "example-perturbation").to(draw.state)
        return self.size * draw.sigma * xi

    @staticmethod
    def identities() -> dict[str, tuple[Tensor, Tensor]]:
        """What must hold exactly, for `atbench check`: name -> two float64 tensors."""
        state, sigma = torch.zeros(2, 1, 4, 4).double(), torch.ones(2, 1, 1, 1).double()
        draw = Draw(state, state, sigma, sigma.flatten(), None, sigma.flatten().long(), state)
        small, large = (ExamplePerturbation(size=size).start(draw, ("identity",)) for size in (0.1, 0.2))
        return {"twice the size is twice the delta": (large, 2 * small)}
