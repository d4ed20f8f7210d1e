"""EDM's deterministic first-order sampler (Karras et al. 2022, algorithm 1 without its correction)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.consistency import VeConsistency, karras_times
from atbench.diffusion.schedule import Schedule
from atbench.sampling import dcw as bands
from atbench.sampling.edm import Denoiser, levels_of
from atbench.sampling.eps_scaling import EpsScaling
from atbench.spec.corrections import ByNfe, DcwOfLevel, Scale
from atbench.spec.nfe import within


@dataclass(frozen=True)
class Euler:
    """Euler sampler; called as `(denoise, x_T, step_noise) -> x0`. The last step, to 0, gives D itself."""

    kind: ClassVar[str] = "euler"
    spends: ClassVar[str] = "many"  # its rule in `atbench.spec.nfe`
    samples: ClassVar[str] = "denoising"  # the objective whose networks it samples; noise prediction without it
    times: tuple[float, ...]  # noisiest first
    scaling: EpsScaling
    correct: bands.Dcw | bands.Plain

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        eps_scale: ByNfe[Scale] = 1.0,  # lambda in x - (x - D)/lambda; by NFE or for all
        dcw: DcwOfLevel | None = None,  # DC or DCW after each step
    ) -> "Euler":
        """Refuse with UserError fewer than two steps, or an nfe at which a correction cannot be."""
        within(nfe, 2, schedule.num_steps)
        times = karras_times(nfe, VeConsistency.t_min, VeConsistency.t_max)
        return cls(tuple(times.tolist()), EpsScaling.at(nfe, eps_scale), bands.Dcw.at(nfe, dcw))

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; never asks for ``step_noise``."""
        levels, denoiser = levels_of(self.times, x_T), Denoiser(denoise, self.scaling)
        x = x_T * levels[0]
        for t, (here, there) in zip(self.times, pairwise(levels)):
            x0_hat = denoiser(x, here)
            x = self.correct(x + (there - here) * (x - x0_hat) / here, x0_hat, t)
        return denoiser(x, levels[-1])
