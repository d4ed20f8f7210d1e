"""Input perturbation: Gaussian noise on the network's input (ADM-IP)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from atbench.rng import gaussian
from atbench.spec.fields import Positive
from atbench.training.draw import Draw


@dataclass(frozen=True)
class GaussianPerturbation:
    """ADM-IP: delta = gamma sigma_t xi, xi ~ N(0, I), and the target stays eps (Ning et al. 2023, algorithm 1)."""

    kind: ClassVar[str] = "gaussian"
    inner_steps: ClassVar[int] = 1
    follow: ClassVar[bool] = False
    free: ClassVar[bool] = True
    gamma: Positive  # size of delta in units of the noise level

    def start(self, draw: Draw, names: tuple) -> Tensor:
        xi = gaussian(draw.state.shape, *names, "perturbation").to(draw.state)
        return self.gamma * draw.sigma * xi

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        return delta
