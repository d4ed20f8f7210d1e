"""One reverse step of each sampler, as a pure function: samplers take many, distillation takes one.

None of them knows networks or clamps: both are the caller's decisions.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from atbench.diffusion.process import Process


def ancestral_step(process: Process, x_t: Tensor, t: Tensor, x0_hat: Tensor, v: Tensor, noise: Tensor | None) -> Tensor:
    """x_{t-1} ~ N(posterior mean(x0_hat, x_t), learned variance(v)) (Ho et al. 2020, algorithm 2).

    Args:
        x_t, x0_hat, v: (N, C, H, W); v is the variance output of Nichol & Dhariwal 2021, eq. 15.
        t: (N,) positions in `process`.
        noise: (N, C, H, W) standard Gaussian, or None on the last step (t = 0), which returns the mean.
    """
    mean, _ = process.posterior(x0_hat, x_t, t)
    if noise is None:
        return mean
    return mean + torch.exp(0.5 * process.learned_log_variance(v, t)) * noise


def ddim_step(x0_hat: Tensor, eps_hat: Tensor, alpha_next: Tensor | float, sigma_next: Tensor | float) -> Tensor:
    """x' = alpha' x0_hat + sigma' eps_hat (Song et al. 2021, eq. 12 with sigma = 0, i.e. eta = 0)."""
    return alpha_next * x0_hat + sigma_next * eps_hat


class Level(NamedTuple):
    """One point of a DPM-Solver grid."""

    alpha: float  # signal level
    sigma: float  # noise level
    half_log_snr: float  # lambda = log(alpha / sigma)


def dpm_solver_first_order(x: Tensor, x0_hat: Tensor, here: Level, there: Level) -> Tensor:
    """DPM-Solver++, first order: x' = (sigma'/sigma) x - alpha' (e^{-h} - 1) x0_hat, h = lambda' - lambda.

    Equal to `ddim_step` with eps_hat = (x - alpha x0_hat)/sigma. Source: Lu et al. 2022b (DPM-Solver++).
    """
    h = there.half_log_snr - here.half_log_snr
    return (there.sigma / here.sigma) * x - there.alpha * math.expm1(-h) * x0_hat


def dpm_solver_second_order(
    x: Tensor, x0_hat: Tensor, x0_hat_before: Tensor, before: Level, here: Level, there: Level
) -> Tensor:
    """DPM-Solver++(2M): first order with D = x0_hat + (x0_hat - x0_hat_before) / (2 r0) for x0_hat.

    r0 = h_before / h compares the last step in lambda with this one; D extrapolates x0_hat to mid-step.
    Source: Lu et al. 2022b (DPM-Solver++), algorithm 2; LuChengTHU/dpm-solver, solver_type "dpmsolver".
    """
    r0 = (here.half_log_snr - before.half_log_snr) / (there.half_log_snr - here.half_log_snr)
    extrapolated = x0_hat + (x0_hat - x0_hat_before) / (2 * r0)
    return dpm_solver_first_order(x, extrapolated, here, there)


def heun_step(denoise: Callable[[Tensor, Tensor], Tensor], x: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """x' = x + (t' - t) (d + d')/2 with slopes d = (x - D(x, t))/t, d' at the Euler point (Karras et al. 2022, alg. 1).

    The probability-flow ODE of x_t = x0 + t z. t, t' are (N, 1, 1, 1) and positive; two calls of the denoiser D.
    """
    slope = (x - denoise(x, here)) / here
    euler = x + (there - here) * slope
    slope_there = (euler - denoise(euler, there)) / there
    return x + (there - here) * (slope + slope_there) / 2
