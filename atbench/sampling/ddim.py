"""Deterministic DDIM sampling (Song et al. 2021, eta = 0) with the published "ddimN" steps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.respacing import respaced, stride_timesteps
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import ddim_step
from atbench.sampling import dcw as bands
from atbench.sampling import time_shift as shifts
from atbench.sampling.eps_scaling import EpsScaling
from atbench.spec.corrections import ByNfe, Dcw, Scale, Slope, TimeShift


@dataclass(frozen=True)
class Ddim:
    """DDIM sampler; called as `(denoise, x_T, step_noise) -> x0`."""

    kind: ClassVar[str] = "ddim"
    spends: ClassVar[str] = "strides"  # its rule in `atbench.spec.nfe`
    process: Process  # respaced: one step per network evaluation
    clip: bool = True  # whether estimates of x0 are clamped to [-1, 1]; latents know no such bound
    scaling: EpsScaling = field(default_factory=EpsScaling)
    correct: bands.Dcw | bands.Plain = field(default_factory=bands.Plain)
    shift: shifts.TimeShift | None = None

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        clip: bool = True,
        eps_scale: ByNfe[Scale] = 1.0,  # b in lambda_i = b + k i, eps_hat / lambda_i; by NFE or for all
        eps_slope: ByNfe[Slope] = 0.0,  # k in lambda_i = b + k i, per step
        dcw: Dcw | None = None,  # DC or DCW after each step
        time_shift: TimeShift | None = None,  # timesteps by the variance of the state
    ) -> "Ddim":
        """Refuse with UserError an nfe that no integer stride gives, or at which a correction cannot be."""
        timesteps = stride_timesteps(nfe, schedule.num_steps)
        scaling, correct = EpsScaling.at(nfe, eps_scale, eps_slope), bands.Dcw.at(nfe, dcw)
        shift = shifts.TimeShift.at(nfe, time_shift, schedule, timesteps)
        return cls(respaced(schedule, timesteps), clip, scaling, correct, shift)

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; reads the first C channels of `denoise` and never asks for `step_noise`."""
        x, (count, channels) = x_T, x_T.shape[:2]
        for i in reversed(range(self.process.num_steps)):
            t = torch.full((count,), i, device=x.device)
            label = torch.full((count,), float(self.process.timesteps[i]), device=x.device)
            label = self.shift.label(x, i, label) if self.shift else label
            eps_hat = self.scaling.eps(denoise(x, label)[:, :channels], i)
            x0_hat = self.process.x0_from_eps(x, t, eps_hat)
            if self.clip:
                x0_hat = x0_hat.clamp(-1, 1)
            if i > 0:
                if self.clip:  # eps is derived again to agree with the clamped x0_hat (as in guided-diffusion)
                    eps_hat = self.process.eps_from_x0(x, t, x0_hat)
                level = self.process.alpha(t - 1, x), self.process.sigma(t - 1, x)
                level = self.shift.level(x, i, level) if self.shift else level
                x = self.correct(ddim_step(x0_hat, eps_hat, *level), x0_hat)
        return x0_hat
