"""Ancestral sampling: DDPM (Ho et al. 2020) and IDDPM (Nichol & Dhariwal 2021)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.respacing import even_timesteps, respaced
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import ancestral_step
from atbench.runtime.errors import UserError
from atbench.sampling import dcw as bands
from atbench.sampling.eps_scaling import EpsScaling
from atbench.spec.corrections import ByNfe, Dcw, Scale, Slope
from atbench.spec.fields import Fraction


@dataclass(frozen=True)
class Ancestral:
    """Ancestral sampler of learned or fixed variance; called as `(denoise, x_T, step_noise) -> x0`."""

    kind: ClassVar[str] = "ancestral"
    spends: ClassVar[str] = "many"  # its rule in `atbench.spec.nfe`
    process: Process  # respaced: one step per network evaluation
    scaling: EpsScaling
    correct: bands.Dcw | bands.Plain
    variance: float | None  # 0: the posterior's, 1: beta_t, between them on a logarithmic scale; None: learned

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        eps_scale: ByNfe[Scale] = 1.0,  # b in lambda_i = b + k i, eps_hat / lambda_i; by NFE or for all
        eps_slope: ByNfe[Slope] = 0.0,  # k in lambda_i = b + k i, per step
        dcw: Dcw | None = None,  # DC or DCW after each step
        variance: Fraction | None = None,  # 0: the posterior's, 1: beta_t; without it the learned one
    ) -> "Ancestral":
        """Refuse with UserError an nfe outside 2..T, or at which a correction cannot be."""
        process = respaced(schedule, even_timesteps(nfe, schedule.num_steps))
        return cls(process, EpsScaling.at(nfe, eps_scale, eps_slope), bands.Dcw.at(nfe, dcw), variance)

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
            x0_hat = self.process.x0_from_eps(x, t, self.scaling.eps(eps_hat, i)).clamp(-1, 1)
            x = ancestral_step(self.process, x, t, x0_hat, v, noise=step_noise(k) if i else None)
            x = self.correct(x, x0_hat) if i else x
        return x

    def v_of(self, learned: Tensor, like: Tensor) -> Tensor:
        """The variance output v in [-1, 1] of Nichol & Dhariwal 2021, eq. 15: the network's, or the fixed one's."""
        if self.variance is not None:
            return torch.full_like(like, 2 * self.variance - 1)
        if learned.shape != like.shape:
            raise UserError("the network predicts no variance: sample with a fixed one, `variance:` of samplers.yaml")
        return learned
