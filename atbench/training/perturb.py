"""The perturbation delta of the network's input during training: none, Gaussian (ADM-IP) or adversarial (ADM-AT).

A perturbation is two facts: how delta starts and moves, and whether the target follows it. Ascent and projection
live here and nowhere else. Sizes are RMS per dimension: the L2 norm of a sample's delta is rms * sqrt(C*H*W).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from atbench.errors import UserError
from atbench.noise import gaussian
from atbench.training.draw import Draw


@dataclass(frozen=True)
class NoPerturbation:
    """Plain training: delta is zero."""

    inner_steps: int = 1
    follow: bool = False

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor) -> Tensor:
        return delta


@dataclass(frozen=True)
class GaussianPerturbation:
    """ADM-IP: delta = gamma sigma_t xi, xi ~ N(0, I), and the target stays eps (Ning et al. 2023, algorithm 1)."""

    gamma: float
    inner_steps: int = 1
    follow: bool = False

    def start(self, draw: Draw, names: tuple) -> Tensor:
        xi = gaussian(draw.state.shape, *names, "perturbation").to(draw.state)
        return self.gamma * draw.sigma * xi

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor) -> Tensor:
        return delta


@dataclass(frozen=True)
class AdversarialPerturbation:
    """ADM-AT: normalised gradient ascent on the loss from zero, inside an L2 ball (Wang et al. 2025).

    With K = ``inner_steps`` the parameters are updated K times per batch and delta moves K - 1 times: the first
    update is clean, and one backward pass serves both ("free" adversarial training, Shafahi et al. 2019).
    Source of the constants' roles: the authors' adv_train_util.py (adv_steps, adv_lr, adv_max_norm).
    """

    inner_steps: int  # K
    step_rms: float  # length of one ascent step
    radius_rms: float  # radius of the ball
    follow: bool  # the target moves with delta: in noise prediction so that the implied x0 stays
    relative: bool = False  # step and radius in units of the state's noise level, not of the pixels

    def start(self, draw: Draw, names: tuple) -> Tensor:
        return torch.zeros_like(draw.state)

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor) -> Tensor:
        # A zero gradient (the zero-initialised head's first one) has no direction: that sample's delta stays.
        norm = rms(gradient)
        direction = torch.where(norm > 0, gradient / norm.clamp(min=torch.finfo(norm.dtype).tiny), 0)
        unit = draw.sigma if self.relative else 1
        moved = delta + self.step_rms * unit * direction
        return moved * (self.radius_rms * unit / rms(moved)).clamp(max=1)

    def at_radius(self, draw: Draw, delta: Tensor) -> float:
        """Share of samples whose delta the projection holds at the radius."""
        unit = draw.sigma if self.relative else 1
        return (rms(delta) >= self.radius_rms * unit * (1 - 1e-6)).float().mean().item()


Perturbation = NoPerturbation | GaussianPerturbation | AdversarialPerturbation
KINDS = {"none": NoPerturbation, "gaussian": GaussianPerturbation, "adversarial": AdversarialPerturbation}


def make_perturbation(config: dict) -> Perturbation:
    """The perturbation of a method's ``perturbation:`` block, e.g. {kind: gaussian, gamma: 0.1}."""
    constants = {key: value for key, value in config.items() if key != "kind"}
    if config["kind"] not in KINDS:
        raise UserError(f"perturbation.kind: {config['kind']!r} is unknown; known: {', '.join(KINDS)}")
    return KINDS[config["kind"]](**constants)


def rms(delta: Tensor) -> Tensor:
    """Root mean square over each sample's dimensions, (N, 1, 1, 1): its L2 norm / sqrt(C*H*W)."""
    return delta.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
