"""The perturbation delta of the network's input during training: none, Gaussian (ADM-IP) or adversarial (ADM-AT).

A perturbation is two facts: how delta starts and moves, and whether the target follows it. Ascent and projection
live here (in the norms of `norms.py`) and nowhere else. Sizes are RMS per dimension: the L2 norm of a sample's delta
is rms * sqrt(C*H*W).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.training.draw import Draw
from atbench.training.norms import make_norm


@dataclass(frozen=True)
class NoPerturbation:
    """Plain training: delta is zero."""

    inner_steps: int = 1
    follow: bool = False
    free: bool = True

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        return delta


@dataclass(frozen=True)
class GaussianPerturbation:
    """ADM-IP: delta = gamma sigma_t xi, xi ~ N(0, I), and the target stays eps (Ning et al. 2023, algorithm 1)."""

    gamma: float
    inner_steps: int = 1
    follow: bool = False
    free: bool = True

    def start(self, draw: Draw, names: tuple) -> Tensor:
        xi = gaussian(draw.state.shape, *names, "perturbation").to(draw.state)
        return self.gamma * draw.sigma * xi

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        return delta


@dataclass(frozen=True)
class AdversarialPerturbation:
    """ADM-AT: normalised gradient ascent on the loss from zero, inside a ball (Wang et al. 2025).

    With K = ``inner_steps`` delta moves K - 1 times. ``free``: the parameters are updated K times per batch, the first
    update is clean, and one backward pass serves both ("free" adversarial training, Shafahi et al. 2019). Otherwise
    the parameters are updated once, at the last delta (PGD, Madry et al. 2018; K = 2: a single ascent step).
    Source of the constants' roles: the authors' adv_train_util.py (adv_steps, adv_lr, adv_max_norm).
    """

    inner_steps: int  # K
    step_rms: float  # length of one ascent step
    radius_rms: float  # radius of the ball
    follow: bool  # the target moves with delta: in noise prediction so that the implied x0 stays
    relative: bool = False  # step and radius in units of the state's noise level, not of the pixels
    norm: str = "l2"  # of step and ball
    direction: str = "gradient"  # or its `opposite`, or a `random` one that a batch keeps
    sigma_range: tuple[float, float] | None = None  # noise levels [low, high) at which delta moves; None: all
    free: bool = True

    def __post_init__(self):
        make_norm(self.norm)  # refuses an unknown one
        if self.direction not in DIRECTIONS:
            raise UserError(f"perturbation.direction: {self.direction!r} is unknown; known: {', '.join(DIRECTIONS)}")

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

Perturbation = NoPerturbation | GaussianPerturbation | AdversarialPerturbation
KINDS = {"none": NoPerturbation, "gaussian": GaussianPerturbation, "adversarial": AdversarialPerturbation}


def make_perturbation(config: dict) -> Perturbation:
    """The perturbation of a method's ``perturbation:`` block, e.g. {kind: gaussian, gamma: 0.1}."""
    constants = {key: value for key, value in config.items() if key != "kind"}
    if config["kind"] not in KINDS:
        raise UserError(f"perturbation.kind: {config['kind']!r} is unknown; known: {', '.join(KINDS)}")
    return KINDS[config["kind"]](**constants)
