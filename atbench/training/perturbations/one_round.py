"""A perturbation that is drawn once: one round on a batch, and delta stays where it starts."""

from typing import ClassVar

from atbench.training.perturbations.base import Perturbation


class OneRound(Perturbation):
    """What such perturbations share; the target stays, and every round updates."""

    inner_steps: ClassVar[int] = 1
    follow: ClassVar[bool] = False
    free: ClassVar[bool] = True
