"""Robust loss: the training loss at the worst, at a random and at the published attack's state around noisy images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.mismatch.trajectory import Denoiser
from atbench.rng import gaussian
from atbench.training.draw import Draw
from atbench.training.perturbations.adversarial import AdversarialPerturbation

STEPS_TO_RADIUS = 2.5  # the ascent's steps together are this many radii long (Madry et al. 2018)


@dataclass(frozen=True)
class Attack:
    """How a delta is chosen in a ball: ``steps`` moves, each up the gradient of ``ascended`` or in a random direction.

    ``ascended``: (network, draw, delta) -> (N,).
    """

    direction: Literal["gradient", "random"]
    steps: int
    ascended: Callable[[Denoiser, Draw, Tensor], Tensor]


def robust_loss(
    denoise: Denoiser,
    images: Tensor,
    process: Process,
    names: tuple,
    *,
    levels: Sequence[int],
    radii: Sequence[float],
    ascent_steps: int,
) -> list[dict]:
    """One row per timestep of ``levels`` and radius (RMS per dimension) of ``radii``.

    The loss is that of AT, whose target follows delta: mean (eps + delta / sigma_t - eps_hat(x_t + delta))^2.

    clean      at delta = 0
    random     at a delta drawn from the l2 sphere of the radius
    published  after ``ascent_steps`` steps inside the ball along the gradient that the published training code takes:
               of the network's output alone, the movement of the target left out
    worst      likewise, along the gradient of the loss itself

    Each sample of ``images`` (M, C, H, W) in [-1, 1] is attacked by itself; noise and directions are by ``names``.
    """
    attacks = {
        "random": Attack("random", 1, _whole_loss),
        "published": Attack("gradient", ascent_steps, _published_loss),
        "worst": Attack("gradient", ascent_steps, _whole_loss),
    }
    rows = []
    for t in levels:
        draw = _draw(process, images, t, names)
        clean = _whole_loss(denoise, draw, torch.zeros_like(images)).mean().item()
        for radius in radii:
            reached = {kind: _attacked(denoise, draw, radius, attack, names) for kind, attack in attacks.items()}
            rows.append({"t": t, "radius": radius, "clean": clean, **reached})
    return rows


def _attacked(denoise: Denoiser, draw: Draw, radius: float, attack: Attack, names: tuple) -> float:
    """Mean loss at the end of an attack's moves in a ball; a single one is as long as the radius."""
    steps = attack.steps
    adversary = AdversarialPerturbation(
        inner_steps=steps + 1,
        step_rms=radius if steps == 1 else STEPS_TO_RADIUS * radius / steps,
        radius_rms=radius,
        follow=True,
        direction=attack.direction,
    )
    delta = adversary.start(draw, names)
    for _ in range(steps):
        delta.requires_grad_()
        (gradient,) = torch.autograd.grad(attack.ascended(denoise, draw, delta).sum(), delta)
        delta = adversary.move(draw, delta.detach(), gradient, names)
    with torch.no_grad():
        return _whole_loss(denoise, draw, delta).mean().item()


def _whole_loss(denoise: Denoiser, draw: Draw, delta: Tensor) -> Tensor:
    """(N,), differentiable in delta through network and target."""
    return _loss(denoise, draw, delta, draw.eps + delta / draw.sigma)


def _published_loss(denoise: Denoiser, draw: Draw, delta: Tensor) -> Tensor:
    """(N,), differentiable in delta through the network alone (`delta_detach` of the authors' code)."""
    return _loss(denoise, draw, delta, draw.eps + delta.detach() / draw.sigma)


def _loss(denoise: Denoiser, draw: Draw, delta: Tensor, target: Tensor) -> Tensor:
    eps_hat = denoise(draw.state + delta, draw.t)[:, : delta.shape[1]]
    return (target - eps_hat).square().flatten(1).mean(1)


def _draw(process: Process, images: Tensor, t: int, names: tuple) -> Draw:
    times = torch.full((len(images),), t, device=images.device)
    eps = gaussian(images.shape, *names, "robust", t).to(images)
    state, sigma = process.q_sample(images, times, eps), process.sigma(times, images)
    return Draw(images, state, sigma, images.new_ones(len(images)), None, times, eps)
