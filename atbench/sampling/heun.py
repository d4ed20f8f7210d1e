"""EDM's deterministic second-order sampler (Karras et al. 2022, algorithm 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.consistency import VeConsistency, karras_times
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import heun_step
from atbench.sampling import dcw as bands
from atbench.sampling.edm import Denoiser, levels_of
from atbench.sampling.eps_scaling import EpsScaling
from atbench.spec.corrections import ByNfe, DcwOfLevel, Scale
from atbench.spec.nfe import odd


@dataclass(frozen=True)
class Heun:
    """Heun sampler; called as `(denoise, x_T, step_noise) -> x0`. The last step, to 0, is Euler's: D itself."""

    kind: ClassVar[str] = "heun"
    spends: ClassVar[str] = "odd"  # its rule in `atbench.spec.nfe`
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
        eps_scale: ByNfe[Scale] = 1.0,  # lambda in x - (x - D)/lambda, at both evaluations; by NFE or for all
        dcw: DcwOfLevel | None = None,  # DC or DCW after each step
    ) -> "Heun":
        """Refuse with UserError an even nfe: every step but the last costs two evaluations."""
        odd(nfe)
        times = karras_times((nfe + 1) // 2, VeConsistency.t_min, VeConsistency.t_max)
        return cls(tuple(times.tolist()), EpsScaling.at(nfe, eps_scale), bands.Dcw.at(nfe, dcw))

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; never asks for ``step_noise``."""
        levels, denoiser = levels_of(self.times, x_T), Denoiser(denoise, self.scaling)
        x = x_T * levels[0]
        for t, (here, there) in zip(self.times, pairwise(levels)):
            x = heun_step(denoiser, x, here, there)
            x = self.correct(x, denoiser.last, t)  # of the second evaluation, as in AMAP-ML/DCW:generate.py
        return denoiser(x, levels[-1])
