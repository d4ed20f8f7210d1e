"""Deterministic DDIM sampling (Song et al. 2021, eta = 0) with the published "ddimN" steps."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.respacing import respaced, stride_timesteps
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import ddim_step


@dataclass(frozen=True)
class Ddim:
    """DDIM sampler; called as `(denoise, x_T, step_noise) -> x0`."""

    kind: ClassVar[str] = "ddim"
    spends: ClassVar[str] = "strides"  # its rule in `atbench.spec.nfe`
    process: Process  # respaced: one step per network evaluation
    clip: bool = True  # whether estimates of x0 are clamped to [-1, 1]; latents know no such bound

    @classmethod
    def build(cls, nfe: int, schedule: Schedule, *, clip: bool = True) -> "Ddim":
        """Refuse with UserError an nfe that no integer stride gives."""
        return cls(respaced(schedule, stride_timesteps(nfe, schedule.num_steps)), clip)

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; reads the first C channels of `denoise` and never asks for `step_noise`."""
        x, (count, channels) = x_T, x_T.shape[:2]
        for i in reversed(range(self.process.num_steps)):
            t = torch.full((count,), i, device=x.device)
            label = torch.full((count,), float(self.process.timesteps[i]), device=x.device)
            eps_hat = denoise(x, label)[:, :channels]
            x0_hat = self.process.x0_from_eps(x, t, eps_hat)
            if self.clip:
                x0_hat = x0_hat.clamp(-1, 1)
            if i > 0:
                if self.clip:  # eps is derived again to agree with the clamped x0_hat (as in guided-diffusion)
                    eps_hat = self.process.eps_from_x0(x, t, x0_hat)
                x = ddim_step(x0_hat, eps_hat, self.process.alpha(t - 1, x), self.process.sigma(t - 1, x))
        return x0_hat
