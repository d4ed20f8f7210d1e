"""Adversarial perturbation (ADM-AT): ascent on the loss inside a ball. Ascent and projection live here alone.

Sizes are RMS per dimension: the L2 norm of a sample's delta is rms * sqrt(C*H*W). The norms stand in `norms.py`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from atbench.rng import gaussian
from atbench.spec.fields import Interval, NoiseLevel, Rounds, Size
from atbench.training.draw import Draw
from atbench.training.norms import make_norm
from atbench.training.perturbations.base import Perturbation


@dataclass(frozen=True)
class AdversarialPerturbation(Perturbation):
    """ADM-AT: normalised gradient ascent on the loss from zero, inside a ball (Wang et al. 2025).

    With K = ``inner_steps`` delta moves K - 1 times. ``free``: the parameters are updated K times per batch, the first
    update is clean, and one backward pass serves both ("free" adversarial training, Shafahi et al. 2019). Otherwise
    the parameters are updated once, at the last delta (PGD, Madry et al. 2018; K = 2: a single ascent step).
    Source of the constants' roles: the authors' adv_train_util.py (adv_steps, adv_lr, adv_max_norm).
    """

    kind: ClassVar[str] = "adversarial"
    inner_steps: Rounds  # K: rounds on one batch
    step_rms: Size  # length of one ascent step, RMS per dimension
    radius_rms: Size  # radius of the ball, RMS per dimension
    follow: bool  # the target moves with delta: in noise prediction so that the implied x0 stays
    relative: bool = False  # step and radius in units of the state's noise level, not of the pixels
    norm: Literal["l1", "l2", "linf"] = "l2"  # of step and ball
    direction: Literal["gradient", "opposite", "random"] = "gradient"  # or its opposite, or one that a batch keeps
    sigma_range: Interval[NoiseLevel] | None = None  # noise levels [low, high) at which delta moves; None: all
    free: bool = True

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        norm, unit = make_norm(self.norm), self._unit(draw)
        # A zero gradient (the zero-initialised head's first one) has no direction: that sample's delta stays.
        moved = delta + self.step_rms * unit * norm.steepest(DIRECTIONS[self.direction](gradient, names))
        held = norm.project(moved, self.radius_rms * unit)
        if self.sigma_range is None:
            return held
        low, high = self.sigma_range
        return torch.where((draw.sigma >= low) & (draw.sigma < high), held, delta)

    def at_radius(self, draw: Draw, delta: Tensor) -> Tensor:
        """1 for each sample whose delta the projection holds at the radius, else 0: (N,)."""
        reached = make_norm(self.norm).size(delta) >= self.radius_rms * self._unit(draw) * (1 - 1e-6)
        return reached.float().flatten()

    def _unit(self, draw: Draw) -> Tensor | int:
        return draw.sigma if self.relative else 1


# What the ascent follows, of (gradient, names of the batch); the random direction is the same at every move of a batch.
DIRECTIONS = {
    "gradient": lambda gradient, names: gradient,
    "opposite": lambda gradient, names: -gradient,
    "random": lambda gradient, names: gaussian(gradient.shape, *names, "direction").to(gradient),
}
