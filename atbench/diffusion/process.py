"""Forward and posterior formulas on a step set: all T steps for training, a respaced subset for sampling."""

import copy
import math

import torch
from torch import Tensor

from atbench.diffusion.likelihood import discretized_gaussian_log_likelihood, normal_kl
from atbench.diffusion.schedule import Schedule


class Process:
    """q(x_t | x0) and q(x_{t-1} | x_t, x0) of a schedule.

    Every `t` is (N,) long, a position 0..S-1 in the step set. Tables are float64; what is
    gathered from them is cast to the type of the image it multiplies.

    Args:
        schedule: the S steps themselves; for a subset see `atbench.diffusion.respacing.respaced`.
        timesteps: (S,) original labels, which the network receives; 0..S-1 when None.
    Raises:
        ValueError: labels that do not match the schedule, or fewer than two steps.
    """

    def __init__(self, schedule: Schedule, timesteps: Tensor | None = None) -> None:
        if schedule.num_steps < 2:
            raise ValueError("a process needs two steps: the first posterior variance is copied from the second")
        if timesteps is None:
            timesteps = torch.arange(schedule.num_steps)
        if timesteps.shape != schedule.betas.shape:
            raise ValueError(f"{len(timesteps)} labels for {schedule.num_steps} steps: build subsets by respaced()")
        self.schedule = schedule
        self.timesteps = timesteps
        self._tables = _tables(schedule)

    @property
    def num_steps(self) -> int:
        """S, the number of steps in the set."""
        return self.schedule.num_steps

    def to(self, device: torch.device | str) -> "Process":
        """A process whose tables and labels live on `device`; otherwise each gather copies."""
        moved = copy.copy(self)
        moved.timesteps = self.timesteps.to(device)
        # The finished tables move, not the betas: a cumulative product on a GPU would round differently.
        moved._tables = {name: table.to(device) for name, table in self._tables.items()}
        return moved

    def _gather(self, name: str, t: Tensor, like: Tensor) -> Tensor:
        """(N, 1, 1, 1) entries of a table at t, in the type of `like`."""
        table = self._tables[name]
        values = table[t.to(table.device)].to(like.dtype).to(like.device)  # cast first: MPS knows no float64
        return values.reshape(-1, *[1] * (like.ndim - 1))

    def alpha(self, t: Tensor, like: Tensor) -> Tensor:
        """alpha_t, (N, 1, 1, 1) beside `like` (N, C, H, W)."""
        return self._gather("alpha", t, like)

    def sigma(self, t: Tensor, like: Tensor) -> Tensor:
        """sigma_t, (N, 1, 1, 1) beside `like` (N, C, H, W)."""
        return self._gather("sigma", t, like)

    def q_sample(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t = alpha_t x0 + sigma_t eps (Ho et al. 2020, eq. 4)."""
        return self.alpha(t, x0) * x0 + self.sigma(t, x0) * eps

    def x0_from_eps(self, x_t: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x0 = sqrt(1/abar) x_t - sqrt(1/abar - 1) eps, the forward equation solved for x0; not clamped."""
        return self._gather("inverse_alpha", t, x_t) * x_t - self._gather("inverse_snr_root", t, x_t) * eps

    def eps_from_x0(self, x_t: Tensor, t: Tensor, x0: Tensor) -> Tensor:
        """eps = (sqrt(1/abar) x_t - x0) / sqrt(1/abar - 1), the inverse of `x0_from_eps`."""
        return (self._gather("inverse_alpha", t, x_t) * x_t - x0) / self._gather("inverse_snr_root", t, x_t)

    def posterior(self, x0: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Mean (N, C, H, W) and log-variance (N, 1, 1, 1) of q(x_{t-1} | x_t, x0) (Ho et al. 2020, eq. 7).

        The variance at t = 0, zero in theory, is clipped to that of t = 1.
        """
        mean = self._gather("mean_of_x0", t, x_t) * x0 + self._gather("mean_of_x_t", t, x_t) * x_t
        return mean, self._gather("log_posterior", t, x_t)

    def learned_log_variance(self, v: Tensor, t: Tensor) -> Tensor:
        """f log beta_t + (1 - f) log posterior variance, f = (v + 1)/2 (Nichol & Dhariwal 2021, eq. 15)."""
        fraction = (v + 1) / 2  # v in [-1, 1] spans the range; the network may leave it
        return fraction * self._gather("log_beta", t, v) + (1 - fraction) * self._gather("log_posterior", t, v)

    def vb_term(self, x0: Tensor, x_t: Tensor, t: Tensor, eps_hat: Tensor, v: Tensor) -> Tensor:
        """One term of the variational bound per sample, (N,) bits per dimension, with x0_hat left unclamped.

        KL(q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t)) for t > 0, discretised negative log-likelihood at t = 0.
        Differentiable in x_t, eps_hat and v: the caller detaches what this term must not train.
        Source: Nichol & Dhariwal 2021, eqs. 4-7; openai/guided-diffusion:gaussian_diffusion.py.
        """
        true_mean, true_log_variance = self.posterior(x0, x_t, t)
        model_mean, _ = self.posterior(self.x0_from_eps(x_t, t, eps_hat), x_t, t)
        model_log_variance = self.learned_log_variance(v, t)
        kl = normal_kl(true_mean, true_log_variance, model_mean, model_log_variance)
        nll = -discretized_gaussian_log_likelihood(x0, model_mean, model_log_variance)
        return torch.where(t == 0, nll.flatten(1).mean(1), kl.flatten(1).mean(1)) / math.log(2)


def _tables(schedule: Schedule) -> dict[str, Tensor]:
    """Everything a process gathers, (S,) float64 by name."""
    betas, abar = schedule.betas, schedule.alphas_cumprod
    abar_previous = torch.cat([abar.new_ones(1), abar[:-1]])
    posterior_variance = betas * (1 - abar_previous) / (1 - abar)  # beta-tilde, Ho et al. 2020, eq. 7
    # It is zero at the first step, where its logarithm would be -inf: the second entry stands in.
    clipped = torch.cat([posterior_variance[1:2], posterior_variance[1:]])
    return {
        "alpha": schedule.alpha_t,
        "sigma": schedule.sigma_t,
        "inverse_alpha": (1 / abar).sqrt(),
        "inverse_snr_root": (1 / abar - 1).sqrt(),
        "mean_of_x0": betas * abar_previous.sqrt() / (1 - abar),
        "mean_of_x_t": (1 - abar_previous) * (1 - betas).sqrt() / (1 - abar),
        "log_beta": betas.log(),
        "log_posterior": clipped.log(),
    }
