"""Norms in which an adversary is bounded: size, steepest direction and projection, all matched in RMS.

Each ball of ``radius`` holds exactly the deltas of ``size`` <= radius, and the largest RMS per dimension inside is
``radius``: reached everywhere on the l2 sphere, at the corners of the l-infinity cube (every dimension at the radius)
and at the vertices of the l1 ball (a single dimension at radius * sqrt(C*H*W)). Tensors are (N, C, H, W), sizes and
radii (N, 1, 1, 1) or a number; each sample is treated by itself.
"""

from typing import Protocol

import torch
from torch import Tensor

from atbench.runtime.errors import UserError

DIMENSIONS = (1, 2, 3)


class Norm(Protocol):
    """A norm of delta, (N, C, H, W), sample by sample."""

    def size(self, delta: Tensor) -> Tensor:
        """The norm of each sample in units in which the unit ball has a largest RMS of 1, (N, 1, 1, 1)."""

    def steepest(self, gradient: Tensor) -> Tensor:
        """The delta of size 1 with the largest product with the gradient; zero where the gradient is."""

    def project(self, delta: Tensor, radius: Tensor | float) -> Tensor:
        """The nearest delta (in l2) of size at most ``radius``."""


class L2:
    """The root mean square."""

    def size(self, delta: Tensor) -> Tensor:
        return rms(delta)

    def steepest(self, gradient: Tensor) -> Tensor:
        size = rms(gradient)
        return torch.where(size > 0, gradient / size.clamp(min=torch.finfo(size.dtype).tiny), 0)

    def project(self, delta: Tensor, radius: Tensor | float) -> Tensor:
        return delta * (radius / rms(delta)).clamp(max=1)


class LInf:
    """The largest absolute value."""

    def size(self, delta: Tensor) -> Tensor:
        return delta.abs().amax(DIMENSIONS, keepdim=True)

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def project(self, delta: Tensor, radius: Tensor | float) -> Tensor:
        limit = torch.as_tensor(radius).to(delta)
        return delta.clamp(-limit, limit)


class L1:
    """The sum of absolute values, over the root of the dimension."""

    def size(self, delta: Tensor) -> Tensor:
        return delta.abs().sum(DIMENSIONS, keepdim=True) / delta[0].numel() ** 0.5

    def steepest(self, gradient: Tensor) -> Tensor:
        flat = gradient.flatten(1)
        largest = flat.abs().argmax(1, keepdim=True)
        one = torch.zeros_like(flat).scatter(1, largest, flat.gather(1, largest).sign())
        return (one * flat.shape[1] ** 0.5).reshape(gradient.shape)

    def project(self, delta: Tensor, radius: Tensor | float) -> Tensor:
        """Soft threshold at the level that makes the sum of magnitudes fit (Duchi et al. 2008, figure 1)."""
        flat = delta.flatten(1)
        limit = torch.as_tensor(radius).to(delta).flatten() * flat.shape[1] ** 0.5
        ordered = flat.abs().sort(1, descending=True).values
        count = torch.arange(1, flat.shape[1] + 1, device=delta.device)
        excess = (ordered.cumsum(1) - limit[:, None]) / count
        kept = (ordered > excess).sum(1, keepdim=True).clamp(min=1)
        threshold = excess.gather(1, kept - 1).clamp(min=0)  # below 0: inside the ball already
        return (flat.sign() * (flat.abs() - threshold).clamp(min=0)).reshape(delta.shape)


NORMS = {"l1": L1, "l2": L2, "linf": LInf}


def make_norm(name: str) -> Norm:
    """The norm of that name. Raises UserError for an unknown one."""
    if name not in NORMS:
        raise UserError(f"perturbation.norm: {name!r} is unknown; known: {', '.join(NORMS)}")
    return NORMS[name]()


def rms(delta: Tensor) -> Tensor:
    """Root mean square over each sample's dimensions, (N, 1, 1, 1): its L2 norm / sqrt(C*H*W)."""
    return delta.square().mean(dim=DIMENSIONS, keepdim=True).sqrt()
