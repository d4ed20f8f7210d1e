"""Input perturbation: Gaussian noise on the network's input (ADM-IP)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from atbench.rng import gaussian
from atbench.spec.fields import Size
from atbench.training.draw import Draw
from atbench.training.perturbations.one_round import OneRound


@dataclass(frozen=True)
class GaussianPerturbation(OneRound):
    """ADM-IP: delta = gamma sigma_t xi, xi ~ N(0, I), and the target stays eps (Ning et al. 2023, algorithm 1)."""

    kind: ClassVar[str] = "gaussian"
    gamma: Size  # size of delta in units of the noise level

    def start(self, draw: Draw, names: tuple) -> Tensor:
        xi = gaussian(draw.state.shape, *names, "perturbation").to(draw.state)
        return self.gamma * draw.sigma * xi
