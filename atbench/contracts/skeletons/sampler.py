"""Sampler `example-sampler`: say here what it is and where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.respacing import respaced, stride_timesteps
from atbench.diffusion.schedule import Schedule, cosine_schedule
from atbench.diffusion.steps import ddim_step
from atbench.sampling.ddim import Ddim
from atbench.spec.fields import Fraction


@dataclass(frozen=True)
class ExampleSampler:
    """DDIM that adds fresh noise: x' = alpha' x0_hat + sqrt(1 - churn^2) sigma' eps_hat + churn sigma' z.

    With ``churn`` 0 it is DDIM. What it remembers of its steps (here nothing) belongs into local variables of the call.
    """

    kind: ClassVar[str] = "example-sampler"
    spends: ClassVar[str] = "strides"  # which step counts it takes: strides, odd, many, orders; without it any
    process: Process  # respaced: one step per network evaluation
    churn: float

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        churn: Fraction = 0.1,  # share of the noise that is fresh at every step
    ) -> "ExampleSampler":
        """The sampler of ``nfe`` evaluations. Refuse with UserError what it cannot spend."""
        return cls(respaced(schedule, stride_timesteps(nfe, schedule.num_steps)), churn)

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[..., Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; `denoise` (x, t) gives eps then v, `step_noise` noise by the names it is given."""
        x, (count, channels) = x_T, x_T.shape[:2]
        for i in reversed(range(self.process.num_steps)):
            t = torch.full((count,), i, device=x.device)
            label = torch.full((count,), float(self.process.timesteps[i]), device=x.device)
            x0_hat = self.process.x0_from_eps(x, t, denoise(x, label)[:, :channels]).clamp(-1, 1)
            if i > 0:
                eps_hat = self.process.eps_from_x0(x, t, x0_hat)
                sigma = self.process.sigma(t - 1, x)
                kept = (1 - self.churn**2) ** 0.5 * sigma
                x = ddim_step(x0_hat, eps_hat, self.process.alpha(t - 1, x), kept)
                if self.churn:
                    x = x + self.churn * sigma * step_noise("churn", i)
        return x0_hat

    @staticmethod
    def identities() -> dict[str, tuple[Tensor, Tensor]]:
        """What must hold exactly, for `atbench check`: name -> two float64 tensors."""
        x_T = torch.linspace(-1, 1, 32, dtype=torch.float64).reshape(2, 1, 4, 4)

        def network(x: Tensor, t: Tensor) -> Tensor:
            return torch.cat([x / 2, torch.zeros_like(x)], dim=1)

        ours = ExampleSampler.build(10, cosine_schedule(), churn=0.0)(network, x_T, lambda *names: x_T)
        return {"without churn it is DDIM": (ours, Ddim.build(10, cosine_schedule())(network, x_T, lambda k: x_T))}
