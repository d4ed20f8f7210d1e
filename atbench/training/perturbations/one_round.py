"""A perturbation that is drawn once: one round on a batch, and delta stays where it starts."""

from typing import ClassVar

from torch import Tensor

from atbench.training.draw import Draw


class OneRound:
    """What `NoPerturbation` and `GaussianPerturbation` share; the target stays, and every round updates."""

    inner_steps: ClassVar[int] = 1
    follow: ClassVar[bool] = False
    free: ClassVar[bool] = True

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        return delta
