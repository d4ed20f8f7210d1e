"""Ancestral sampling: DDPM (Ho et al. 2020), IDDPM (Nichol & Dhariwal 2021) and ES, scaled eps (Ning et al. 2024)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.respacing import even_timesteps, respaced
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import ancestral_step
from atbench.runtime.errors import UserError
from atbench.spec.fields import Fraction
from atbench.spec.nfe import positive_scale


@dataclass(frozen=True)
class Ancestral:
    """Ancestral sampler of learned or fixed variance; called as `(denoise, x_T, step_noise) -> x0`."""

    kind: ClassVar[str] = "ancestral"
    spends: ClassVar[str] = "many"  # its rule in `atbench.spec.nfe`
    process: Process  # respaced: one step per network evaluation
    eps_scale: float  # b in lambda_i = b + k i; 1 is plain IDDPM
    eps_slope: float  # k in lambda_i = b + k i, per respaced step (i = 0 is the least noisy)
    variance: float | None  # 0: the posterior's, 1: beta_t, between them on a logarithmic scale; None: learned

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        eps_scale: Annotated[float, Field(gt=0, le=10)] = 1.0,  # b in lambda_i = b + k i; 1 is plain IDDPM
        eps_slope: Annotated[float, Field(ge=-1, le=1)] = 0.0,  # k in lambda_i = b + k i, per step
        variance: Fraction | None = None,  # 0: the posterior's, 1: beta_t; without it the learned one
    ) -> "Ancestral":
        """Refuse with UserError an nfe outside 2..T, or a scale that reaches zero (eps is divided by it)."""
        process = respaced(schedule, even_timesteps(nfe, schedule.num_steps))
        positive_scale(nfe, eps_scale, eps_slope)
        return cls(process, eps_scale, eps_slope, variance)

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; `step_noise` is asked for k = 0..nfe-2.

        `denoise` returns (N, 2C, H, W); C channels are enough where the variance is fixed, else UserError.
        """
        x, (count, channels) = x_T, x_T.shape[:2]
        for k, i in enumerate(reversed(range(self.process.num_steps))):
            t = torch.full((count,), i, device=x.device)
            label = torch.full((count,), float(self.process.timesteps[i]), device=x.device)
            output = denoise(x, label)
            eps_hat, v = output[:, :channels], self.v_of(output[:, channels:], x)
            # ES: eps / lambda_i before x0_hat is formed, hence before the clamp (Ning et al. 2024)
            scaled_eps = eps_hat / (self.eps_scale + self.eps_slope * i)
            x0_hat = self.process.x0_from_eps(x, t, scaled_eps).clamp(-1, 1)
            x = ancestral_step(self.process, x, t, x0_hat, v, noise=step_noise(k) if i else None)
        return x

    def v_of(self, learned: Tensor, like: Tensor) -> Tensor:
        """The variance output v in [-1, 1] of Nichol & Dhariwal 2021, eq. 15: the network's, or the fixed one's."""
        if self.variance is not None:
            return torch.full_like(like, 2 * self.variance - 1)
        if learned.shape != like.shape:
            raise UserError("the network predicts no variance: sample with a fixed one, `variance:` of samplers.yaml")
        return learned
