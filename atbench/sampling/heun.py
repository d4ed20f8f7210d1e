"""EDM's deterministic second-order sampler (Karras et al. 2022, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.consistency import VeConsistency, karras_times, preconditioned
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import heun_step
from atbench.spec.nfe import odd


@dataclass(frozen=True)
class Heun:
    """Heun sampler; called as `(denoise, x_T, step_noise) -> x0`. The last step, to 0, is Euler's: D itself."""

    kind: ClassVar[str] = "heun"
    spends: ClassVar[str] = "odd"  # its rule in `atbench.spec.nfe`
    samples: ClassVar[str] = "denoising"  # the objective whose networks it samples; noise prediction without it
    times: tuple[float, ...]  # noisiest first

    @classmethod
    def build(cls, nfe: int, schedule: Schedule) -> "Heun":
        """Refuse with UserError an even nfe: every step but the last costs two evaluations."""
        odd(nfe)
        return cls(tuple(karras_times((nfe + 1) // 2, VeConsistency.t_min, VeConsistency.t_max).tolist()))

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; never asks for ``step_noise``."""
        levels = [torch.full((len(x_T), 1, 1, 1), t, device=x_T.device, dtype=x_T.dtype) for t in self.times]
        x = x_T * levels[0]
        for here, there in pairwise(levels):
            x = heun_step(lambda y, t: preconditioned(denoise, y, t), x, here, there)
        return preconditioned(denoise, x, levels[-1])
