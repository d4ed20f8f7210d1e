"""Noise prediction with learned variance: the training objective of ADM (protocol sections 1.2 and 2)."""

from typing import Literal

from torch import Tensor, nn

from atbench.data.conditions import condition
from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.rng import gaussian, uniform
from atbench.spec.recipe import Recipe
from atbench.training.draw import Draw
from atbench.training.objectives.base import Objective, at_least_single
from atbench.training.timesteps import TIMESTEPS

CAPTION_DROP = 0.1  # share of empty captions: classifier-free guidance (Ho and Salimans 2021)


class NoisePrediction(Objective):
    """L = mean (target - eps_theta(x_t + delta, t))^2 + vb, per sample.

    The target is eps, or eps + delta / sigma_t if it follows: x_t + delta = alpha_t x0 + sigma_t (eps + delta /
    sigma_t), so the implied x0 is unchanged. The vb term trains the variance alone (its eps is detached), at the
    perturbed state or at the clean one; the network's output is that at the perturbed state in both. The gradient in
    delta leaves the movement of target and posterior out unless ``target_gradient`` is set: only then does it ascend on
    this loss. The authors' three rules (adv_target_type of their adv_gaussian_diffusion.py), and ADM-IP's:

      delta_detach  the target follows                                         their script
      delta         the target follows, ``target_gradient``
      original      the target stays, ``variance_at: clean``                   their parser's default
      ADM-IP        the target stays, the variance term at the perturbed state
    """

    kind = "noise-prediction"
    network = "unet"

    def __init__(
        self,
        recipe: Recipe,
        *,
        target_gradient: bool = False,  # the gradient in delta is that of the whole loss
        variance_at: Literal["perturbed", "clean"] = "perturbed",  # the x_t of the variance term
    ):
        self.process = Process(cosine_schedule())
        self.timesteps = TIMESTEPS[recipe.training.timesteps](self.process.num_steps)
        self.conditional = recipe.conditional
        self.target_gradient = target_gradient
        self.variance_moves = variance_at == "perturbed"

    def draw(self, x0: Tensor, labels: Tensor | None, names: tuple) -> Draw:
        """Draw t and eps by name and noise the batch."""
        t, weights = self.timesteps.draw(uniform((len(x0),), *names, "t"))
        eps = gaussian(x0.shape, *names, "eps").to(x0)
        t, weights = t.to(x0.device), weights.to(x0)
        state = self.process.q_sample(x0, t, eps)
        sigma = self.process.sigma(t, x0)
        labels = condition(self.conditional, labels, names, CAPTION_DROP)
        return Draw(x0, state, sigma, weights, labels, t, eps)

    def losses(self, model: nn.Module, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample terms (N,): ``loss`` = ``mse`` + ``vb``; differentiable in delta through the network's input."""
        x_t = draw.state + delta
        eps_hat, v = at_least_single(model(x_t, draw.t, draw.labels)).chunk(2, dim=1)
        seen = delta if self.target_gradient else delta.detach()
        target = draw.eps + seen / draw.sigma if follow else draw.eps
        mse = (target - eps_hat).square().mean(dim=(1, 2, 3))
        variance_at = draw.state + seen if self.variance_moves else draw.state
        vb = self.process.vb_term(draw.x0, variance_at, draw.t, eps_hat.detach(), v)
        return {"loss": mse + vb, "mse": mse, "vb": vb}

    def observe(self, t: Tensor, losses: Tensor) -> None:
        """Let the timestep sampler learn from the losses of an update."""
        self.timesteps.observe(t, losses)

    def state(self) -> dict:
        return self.timesteps.state()

    def load(self, state: dict) -> None:
        self.timesteps.load(state)
