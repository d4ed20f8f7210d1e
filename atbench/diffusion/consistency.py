"""Consistency functions f(x, level) -> x0 of a network, and the one ODE step of its teacher that they are trained on.

Levels are counted from the noisiest, 0, to the last, levels - 1, where f is the identity. Two parametrisations:
`VpConsistency` reads f off a network that predicts eps (the models of the diffusion tables, Stable Diffusion),
`VeConsistency` is that of the consistency-model paper (Song et al. 2023). A ``network`` is any callable
(x, t_label (N,)) -> (N, C or 2C, H, W); what it gives beyond the first C channels is ignored.
"""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.schedule import make_schedule
from atbench.diffusion.steps import ddim_step, heun_step
from atbench.runtime.errors import UserError
from atbench.spec.models.training import VeGrid, VpGrid

Network = Callable[[Tensor, Tensor], Tensor]
SIGMA_DATA = 0.5
TIMESTEP_SCALING = 10.0  # makes c_skip vanish at every level but the last


class ConsistencyFunction(Protocol):
    """What objective and sampler ask of a parametrisation; ``level`` is (N,) long, images are (N, C, H, W)."""

    levels: int
    teacher_calls: int  # network evaluations of one `solve`
    clip: bool  # whether estimates of x0 are clamped to [-1, 1] outside of training

    def noised(self, x0: Tensor, level: Tensor, eps: Tensor) -> Tensor:
        """A state at ``level``."""

    def renoised(self, x0: Tensor, level: Tensor, z: Tensor) -> Tensor:
        """The state from which multistep sampling goes on after an estimate of x0."""

    def noise_level(self, level: Tensor, like: Tensor) -> Tensor:
        """Standard deviation of the noise at ``level``, (N, 1, 1, 1)."""

    def f(self, network: Network, x: Tensor, level: Tensor) -> Tensor:
        """The consistency function: estimate of x0 from a state at ``level``."""

    def solve(self, teacher: Network, x: Tensor, level: Tensor) -> Tensor:
        """The state at ``level + 1`` on the teacher's ODE trajectory through x."""


class VpConsistency:
    """Variance preserving: f(x, t) = c_skip x + c_out x0_hat(eps), one DDIM step of the teacher between levels.

    c_skip = s^2/((10 t)^2 + s^2), c_out = 10 t/sqrt((10 t)^2 + s^2), s = 0.5, t the timestep: the identity at t = 0.
    The times fall from ``t_start`` by ``stride`` and end at 0. Near t = T the cosine schedule keeps so little signal
    that x0_hat would magnify eps by thousands: start where it is below a hundred. Source: Luo et al. 2023, equation 9;
    huggingface/diffusers:examples/consistency_distillation/train_lcm_distill_sd_wds.py (t_start 999, stride 20,
    schedule scaled-linear).
    """

    teacher_calls = 1

    def __init__(self, t_start: int, stride: int, clip: bool = True, schedule: str = "cosine"):
        self.process = Process(make_schedule(schedule))
        self.times = torch.tensor([*range(t_start, 0, -stride), 0])
        self.levels, self.clip = len(self.times), clip

    def noised(self, x0: Tensor, level: Tensor, eps: Tensor) -> Tensor:
        return self.process.q_sample(x0, self._t(level), eps)

    renoised = noised

    def noise_level(self, level: Tensor, like: Tensor) -> Tensor:
        return self.process.sigma(self._t(level), like)

    def f(self, network: Network, x: Tensor, level: Tensor) -> Tensor:
        t = self._t(level)
        scaled = (TIMESTEP_SCALING * t.to(x)).reshape(-1, 1, 1, 1)
        c_skip = SIGMA_DATA**2 / (scaled**2 + SIGMA_DATA**2)
        c_out = scaled / (scaled**2 + SIGMA_DATA**2).sqrt()
        return c_skip * x + c_out * self.process.x0_from_eps(x, t, first_channels(network(x, t.to(x)), x))

    def solve(self, teacher: Network, x: Tensor, level: Tensor) -> Tensor:
        t, t_next = self._t(level), self._t(level + 1)
        eps_hat = first_channels(teacher(x, t.to(x)), x)
        x0_hat = self.process.x0_from_eps(x, t, eps_hat)
        if self.clip:  # as the DDIM sampler does, whose trajectory this is
            x0_hat = x0_hat.clamp(-1, 1)
            eps_hat = self.process.eps_from_x0(x, t, x0_hat)
        return ddim_step(x0_hat, eps_hat, self.process.alpha(t_next, x), self.process.sigma(t_next, x))

    def _t(self, level: Tensor) -> Tensor:
        return self.times[level.cpu()].to(level.device)


class VeConsistency:
    """Variance exploding: x_t = x0 + t z; f = c_skip x + c_out F(c_in x, ln t / 4), one Heun step of the teacher.

    c_skip = s^2/((t - e)^2 + s^2), c_out = (t - e) s/sqrt(t^2 + s^2), c_in = 1/sqrt(t^2 + s^2), s = 0.5, e = 0.002;
    the teacher has t in place of t - e (Karras et al. 2022). Times: `karras_times`. The network's label is 250 ln t,
    a thousand times the paper's. Between steps, sampling adds noise up to sqrt(t^2 - e^2), as the paper does.
    Source: Song et al. 2023, equations 5 and 6; openai/consistency_models:cm/karras_diffusion.py.
    """

    teacher_calls = 2
    t_min, t_max = 0.002, 80.0

    def __init__(self, levels: int, clip: bool = True):
        self.levels, self.clip = levels, clip
        self.times = karras_times(levels, self.t_min, self.t_max)

    def noised(self, x0: Tensor, level: Tensor, eps: Tensor) -> Tensor:
        return x0 + self.noise_level(level, x0) * eps

    def renoised(self, x0: Tensor, level: Tensor, z: Tensor) -> Tensor:
        return x0 + (self.noise_level(level, x0) ** 2 - self.t_min**2).sqrt() * z

    def noise_level(self, level: Tensor, like: Tensor) -> Tensor:
        return self.times[level.cpu()].to(like).reshape(-1, 1, 1, 1)

    def f(self, network: Network, x: Tensor, level: Tensor) -> Tensor:
        return preconditioned(network, x, self.noise_level(level, x), self.t_min)

    def solve(self, teacher: Network, x: Tensor, level: Tensor) -> Tensor:
        here, there = self.noise_level(level, x), self.noise_level(level + 1, x)
        return heun_step(lambda y, t: preconditioned(teacher, y, t), x, here, there)


def preconditioned(network: Network, x: Tensor, t: Tensor, t_min: float = 0.0) -> Tensor:
    """c_skip x + c_out F(c_in x, 250 ln t), the identity at ``t_min``; t (N, 1, 1, 1) > 0. In EDM t_min is 0."""
    total = t**2 + SIGMA_DATA**2
    c_skip = SIGMA_DATA**2 / ((t - t_min) ** 2 + SIGMA_DATA**2)
    c_out = (t - t_min) * SIGMA_DATA / total.sqrt()
    return c_skip * x + c_out * first_channels(network(x / total.sqrt(), 250 * t.flatten().log()), x)


def karras_times(levels: int, t_min: float, t_max: float, rho: float = 7.0) -> Tensor:
    """(levels,) float64: (t_max^(1/rho) + i/(levels-1) (t_min^(1/rho) - t_max^(1/rho)))^rho.

    Source: Karras et al. 2022, equation 5.
    """
    if levels < 2:
        raise UserError(f"distillation.grid: {levels} levels; at least two are needed")
    ramp = torch.linspace(0, 1, levels, dtype=torch.float64)
    return (t_max ** (1 / rho) + ramp * (t_min ** (1 / rho) - t_max ** (1 / rho))) ** rho


def first_channels(output: Tensor, like: Tensor) -> Tensor:
    """The first C channels of a network's output, without the variance that it may also predict."""
    return output[:, : like.shape[1]]


def make_consistency(grid: VpGrid | VeGrid) -> ConsistencyFunction:
    """The function of a ``grid:`` block, e.g. {parametrisation: vp, t_start: 960, stride: 40}."""
    if isinstance(grid, VpGrid):
        return VpConsistency(grid.t_start, grid.stride, grid.clip, grid.schedule)
    return VeConsistency(grid.levels, grid.clip)
