"""What the samplers of EDM's networks share: the way down the noise levels, a denoiser that remembers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor

from atbench.diffusion.consistency import preconditioned
from atbench.sampling import dcw as bands
from atbench.sampling.eps_scaling import EpsScaling


def levels_of(times: tuple[float, ...], like: Tensor) -> list[Tensor]:
    """Each noise level as (N, 1, 1, 1) beside a state ``like`` (N, C, H, W)."""
    return [torch.full((len(like), 1, 1, 1), t, device=like.device, dtype=like.dtype) for t in times]


class Denoiser:
    """D(x, t) of a network, with scaled noise; ``last`` is what it answered last, (N, C, H, W)."""

    last: Tensor

    def __init__(self, network: Callable[[Tensor, Tensor], Tensor], scaling: EpsScaling):
        self.network, self.scaling = network, scaling

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        """x (N, C, H, W) at the level t (N, 1, 1, 1) -> estimate of x0."""
        self.last = self.scaling.denoised(x, preconditioned(self.network, x, t))
        return self.last


@dataclass(frozen=True)
class EdmSampler(ABC):
    """A deterministic sampler; called as `(denoise, x_T, step_noise) -> x0`. The last step, to 0, gives D itself."""

    samples: ClassVar[str] = "denoising"  # the objective whose networks it samples; noise prediction without it
    times: tuple[float, ...]  # noisiest first
    scaling: EpsScaling
    correct: bands.Dcw | bands.Plain

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; never asks for ``step_noise``.

        Each step is corrected by its last evaluation, as in AMAP-ML/DCW:generate.py: of Heun's the second.
        """
        levels, denoiser = levels_of(self.times, x_T), Denoiser(denoise, self.scaling)
        x = x_T * levels[0]
        for t, (here, there) in zip(self.times, pairwise(levels)):
            x = self.correct(self.step(denoiser, x, here, there), denoiser.last, t)
        return denoiser(x, levels[-1])

    @staticmethod
    @abstractmethod
    def step(denoiser: Denoiser, x: Tensor, here: Tensor, there: Tensor) -> Tensor:
        """x (N, C, H, W) at the level ``there``, from x at ``here``, both (N, 1, 1, 1)."""
