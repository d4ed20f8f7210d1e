"""What the samplers of EDM's networks share: noise levels beside a state, and a denoiser that remembers its answer."""

from collections.abc import Callable

import torch
from torch import Tensor

from atbench.diffusion.consistency import preconditioned
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
