"""Objective `example-objective`: say here what it is and where it comes from."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from atbench.spec.fields import Fraction
from atbench.spec.recipe import Recipe
from atbench.training.draw import Draw
from atbench.training.objectives.noise_prediction import NoisePrediction


class ExampleObjective(NoisePrediction):
    """Noise prediction with the loss of x_t times sigma_t^power: ``power`` above 0 favours noisy states.

    An objective of another kind derives from `atbench.training.objectives.base.Objective` and writes `draw`, which
    fixes everything random of a batch, and `losses`; what it keeps between batches goes through `state` and `load`.
    """

    kind: ClassVar[str] = "example-objective"
    network: ClassVar[str] = "unet"
    sampled_as: ClassVar[str] = "noise-prediction"  # its networks give eps then v, as those of noise prediction

    def __init__(
        self,
        recipe: Recipe,
        *,
        power: Fraction = 0.5,  # of sigma_t, on the loss
    ):
        super().__init__(recipe)
        self.power = power

    def losses(self, model: nn.Module, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample terms (N,), ``loss`` among them; differentiable in delta."""
        terms = super().losses(model, draw, delta, follow)
        return terms | {"loss": weight(draw.sigma, self.power).flatten() * terms["loss"]}

    @staticmethod
    def identities() -> dict[str, tuple[Tensor, Tensor]]:
        """What must hold exactly, for `atbench check`: name -> two float64 tensors."""
        sigma = torch.linspace(0.01, 1, 10, dtype=torch.float64)
        return {"power 0 is noise prediction": (weight(sigma, 0.0), torch.ones_like(sigma))}


def weight(sigma: Tensor, power: float) -> Tensor:
    """Weight of the loss at a noise level."""
    return sigma**power
