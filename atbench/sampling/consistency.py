"""Multistep sampling of consistency models (Song et al. 2023, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.consistency import ConsistencyFunction, make_consistency
from atbench.diffusion.schedule import Schedule
from atbench.spec.classes import Given
from atbench.spec.models.training import VeGrid, VpGrid
from atbench.spec.nfe import within


@dataclass(frozen=True)
class Consistency:
    """Consistency sampler; called as `(denoise, x_T, step_noise) -> x0`: estimate x0, add fresh noise, again."""

    kind: ClassVar[str] = "consistency"
    spends: ClassVar[str] = "levels"  # its rule in `atbench.spec.nfe`
    samples: ClassVar[str] = "consistency"  # the objective whose networks it samples; noise prediction without it
    function: ConsistencyFunction
    visited: tuple[int, ...]  # levels of the training grid, noisiest first

    @classmethod
    def build(cls, nfe: int, schedule: Schedule, *, grid: Given[VpGrid | VeGrid]) -> "Consistency":
        """``grid`` is that of the distillation. Refuse with UserError more steps than it has, or none.

        The levels are spread evenly from the noisiest, floor((levels - 1) j / nfe): stated, never searched. Source:
        huggingface/diffusers, LCMScheduler; Song et al. search theirs on the test metric.
        """
        function = make_consistency(grid)
        steps = function.levels - 1
        within(nfe, 1, steps)
        return cls(function, tuple(steps * j // nfe for j in range(nfe)))

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; asks for noise before every step but the first."""
        levels = [torch.full((len(x_T),), index, device=x_T.device) for index in self.visited]
        x0_hat = self._estimate(denoise, self.function.noised(torch.zeros_like(x_T), levels[0], x_T), levels[0])
        for k, level in enumerate(levels[1:], start=1):
            x0_hat = self._estimate(denoise, self.function.renoised(x0_hat, level, step_noise(k)), level)
        return x0_hat

    def _estimate(self, denoise: Callable[[Tensor, Tensor], Tensor], x: Tensor, level: Tensor) -> Tensor:
        x0_hat = self.function.f(denoise, x, level)
        return x0_hat.clamp(-1, 1) if self.function.clip else x0_hat
