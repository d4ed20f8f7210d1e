"""Denoising in EDM's parametrisation (Karras et al. 2022): trains teachers of variance-exploding consistency models."""

from torch import Tensor, nn

from atbench.data.conditions import condition
from atbench.diffusion.consistency import SIGMA_DATA, first_channels, preconditioned
from atbench.rng import gaussian
from atbench.spec.recipe import Recipe
from atbench.training.draw import Draw
from atbench.training.objectives.base import Objective, at_least_single

LOG_MEAN, LOG_STD = -1.2, 1.2  # of ln sigma


class Denoising(Objective):
    """L = (sigma^2 + s^2)/(sigma s)^2 mean (D(x0 + sigma eps + delta, sigma) - x0)^2, s = 0.5, ln sigma Gaussian.

    The target is x0 itself: it stays wherever delta goes. Source: Karras et al. 2022, equation 8 and table 1.
    """

    kind = "denoising"
    network = "unet"

    def __init__(self, recipe: Recipe):
        self.conditional = recipe.conditional

    def draw(self, x0: Tensor, labels: Tensor | None, names: tuple) -> Draw:
        """Draw sigma and eps by name and noise the batch."""
        sigma = (LOG_MEAN + LOG_STD * gaussian((len(x0), 1, 1, 1), *names, "t")).exp().to(x0)
        eps = gaussian(x0.shape, *names, "eps").to(x0)
        weights = ((sigma**2 + SIGMA_DATA**2) / (sigma * SIGMA_DATA) ** 2).flatten()
        labels = condition(self.conditional, labels, names)
        return Draw(x0, x0 + sigma * eps, sigma, weights, labels, sigma.flatten(), eps)

    def predict(self, model: nn.Module, draw: Draw, x: Tensor, t: Tensor) -> Tensor:
        """The denoised images at noise levels t (N,)."""
        raw = super().predict
        denoised = preconditioned(lambda y, label: raw(model, draw, y, label), x, t.reshape(-1, 1, 1, 1))
        return first_channels(denoised, x)

    def losses(self, model: nn.Module, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample squared error (N,), weighted by the loop; differentiable in delta."""
        labels = [] if draw.labels is None else [draw.labels]
        denoised = preconditioned(lambda x, t: at_least_single(model(x, t, *labels)), draw.state + delta, draw.sigma)
        return {"loss": (first_channels(denoised, draw.x0) - draw.x0).square().mean(dim=(1, 2, 3))}
