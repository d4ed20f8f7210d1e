"""The noise schedule: t -> alphas_cumprod, alpha_t, sigma_t, all float64."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from atbench.runtime.errors import UserError

MAX_BETA = 0.999  # keeps alphas_cumprod above zero at the last step


@dataclass(frozen=True, eq=False)  # eq=False: tensors have no single truth value, so compare by identity
class Schedule:
    """A discrete variance-preserving schedule, x_t = alpha_t x0 + sigma_t eps with alpha_t^2 + sigma_t^2 = 1.

    Args:
        betas: (T,) float64, each in (0, 1): the share of variance replaced by noise at step t.
    Raises:
        ValueError: betas of another shape, type or range.
    """

    betas: Tensor

    def __post_init__(self) -> None:
        betas = self.betas
        if betas.ndim != 1 or betas.dtype != torch.float64:
            raise ValueError(f"betas must be (T,) float64, not {tuple(betas.shape)} {betas.dtype}")
        if not bool(((betas > 0) & (betas < 1)).all()):
            raise ValueError("every beta must lie strictly between 0 and 1")

    @property
    def num_steps(self) -> int:
        """T, the number of steps."""
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """(T,) prod_{s<=t} (1 - beta_s), the squared signal level (Ho et al. 2020, eq. 4)."""
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def alpha_t(self) -> Tensor:
        """(T,) sqrt(alphas_cumprod), the signal level."""
        return self.alphas_cumprod.sqrt()

    @cached_property
    def sigma_t(self) -> Tensor:
        """(T,) sqrt(1 - alphas_cumprod), the noise level."""
        return (1 - self.alphas_cumprod).sqrt()

    @cached_property
    def half_log_snr(self) -> Tensor:
        """(T,) lambda_t = log(alpha_t / sigma_t), the time axis of DPM-Solver (Lu et al. 2022)."""
        return self.alpha_t.log() - self.sigma_t.log()


def cosine_schedule(num_steps: int = 1000) -> Schedule:
    """beta_i = min(1 - f((i+1)/T) / f(i/T), 0.999), f(u) = cos^2((u + 0.008)/1.008 * pi/2).

    Source: Nichol & Dhariwal 2021, eq. 17; openai/guided-diffusion:guided_diffusion/gaussian_diffusion.py.
    """
    u = torch.arange(num_steps + 1, dtype=torch.float64) / num_steps
    f = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    return Schedule((1 - f[1:] / f[:-1]).clamp(max=MAX_BETA))


def scaled_linear_schedule(start: float = 0.00085, end: float = 0.012, num_steps: int = 1000) -> Schedule:
    """beta_i = (sqrt(start) + i/(T-1) (sqrt(end) - sqrt(start)))^2: that of Stable Diffusion.

    Source: CompVis/stable-diffusion:configs/stable-diffusion/v1-inference.yaml; huggingface/diffusers calls it
    "scaled_linear".
    """
    return Schedule(torch.linspace(math.sqrt(start), math.sqrt(end), num_steps, dtype=torch.float64) ** 2)


SCHEDULES: dict[str, Callable[[], Schedule]] = {"cosine": cosine_schedule, "scaled-linear": scaled_linear_schedule}


def make_schedule(name: str) -> Schedule:
    """The schedule of a ``schedule:`` key. Raises UserError for a name that is not in SCHEDULES."""
    if name not in SCHEDULES:
        raise UserError(f"schedule: {name!r} is unknown; known: {', '.join(SCHEDULES)}")
    return SCHEDULES[name]()
