"""Reconstruction: trains the autoencoder of latent diffusion (Rombach et al. 2022, section 3.1, no GAN term)."""

import torch
from torch import Tensor, nn

from atbench.rng import gaussian
from atbench.training.draw import Draw
from atbench.training.objectives.base import Objective

KL_WEIGHT = 1e-4  # per latent dimension; keeps the latents together without washing them out


class Reconstruct(Objective):
    """L = mean (x - decode(z))^2 + KL_WEIGHT KL(q(z | x) || N(0, I)), z drawn from q; delta acts on the image."""

    kind = "reconstruct"
    network = "autoencoder"

    def prepare(self, model: nn.Module, average: nn.Module) -> None:
        self.latent_shape = model.latent_shape

    def draw(self, x0: Tensor, labels: Tensor | None, names: tuple) -> Draw:
        """Draw the posterior's noise by name."""
        eps = gaussian((len(x0), *self.latent_shape), *names, "eps").to(x0)
        ones = torch.ones(len(x0), 1, 1, 1, device=x0.device)
        t = torch.zeros(len(x0), dtype=torch.long, device=x0.device)
        return Draw(x0, x0, ones, ones.flatten(), None, t, eps)

    def predict(self, model: nn.Module, draw: Draw, x: Tensor, t: Tensor) -> Tensor:
        """The images, encoded and decoded."""
        return model(x, draw.eps)[0]

    def losses(self, model: nn.Module, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample terms (N,): ``loss`` = ``mse`` + KL_WEIGHT ``kl``; the image to restore is the clean one."""
        restored, kl = model(draw.state + delta, draw.eps)
        mse = (restored - draw.x0).square().mean(dim=(1, 2, 3))
        return {"loss": mse + KL_WEIGHT * kl, "mse": mse, "kl": kl}
