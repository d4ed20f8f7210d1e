"""DPM-Solver++ multistep sampling (Lu et al. 2022b), a uniform grid in half-log-SNR, set up as in ADM-AT."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import Level, dpm_solver_first_order, dpm_solver_second_order
from atbench.runtime.errors import UserError
from atbench.spec.fields import Whole
from atbench.spec.nfe import within

MIN_HALF_LOG_SNR = -5.1  # noisier entries are dropped: cosine schedules are ill-conditioned near t = 1
FINAL_FIRST_ORDER_BELOW = 10  # with fewer steps than this the last one is of first order, for stability


@dataclass(frozen=True)
class DpmSolver:
    """DPM-Solver++ sampler; called as `(denoise, x_T, step_noise) -> x0`, without any clipping."""

    kind: ClassVar[str] = "dpm-solver++"
    spends: ClassVar[str] = "orders"  # its rule in `atbench.spec.nfe`
    levels: tuple[Level, ...]  # nfe + 1 grid points, noisiest first
    labels: tuple[float, ...]  # what the network is told at each; the last one is not evaluated
    order: int  # 1 or 2

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        order: Annotated[Literal[1, 2], Whole] = 2,
        t_start: Annotated[float, Field(ge=0.01, le=1)] = 0.992,
    ) -> "DpmSolver":
        """Refuse with UserError an nfe below the order or above T, or a t_start off the time axis."""
        within(nfe, smallest=order, largest=schedule.num_steps)
        levels, labels = half_log_snr_grid(schedule, nfe, t_start)
        return cls(levels, labels, order)

    def order_of(self, k: int) -> int:
        """Order of the k-th step: 1 without a history, and 1 again at the end of a short grid."""
        nfe = len(self.levels) - 1
        is_short_end = nfe < FINAL_FIRST_ORDER_BELOW and k == nfe - 1
        return 1 if k == 0 or is_short_end else self.order

    @torch.no_grad()
    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) -> x0; reads the first C channels of `denoise` and never asks for `step_noise`."""
        x, (count, channels) = x_T, x_T.shape[:2]
        x0_hat_before = x_T  # never read: the first step is always of first order
        for k, (here, there) in enumerate(zip(self.levels[:-1], self.levels[1:])):
            label = torch.full((count,), self.labels[k], device=x.device)
            eps_hat = denoise(x, label)[:, :channels]
            x0_hat = (x - here.sigma * eps_hat) / here.alpha
            if self.order_of(k) == 1:
                x = dpm_solver_first_order(x, x0_hat, here, there)
            else:
                x = dpm_solver_second_order(x, x0_hat, x0_hat_before, self.levels[k - 1], here, there)
            x0_hat_before = x0_hat
        return x


def kept_log_alpha(schedule: Schedule) -> Tensor:
    """(N',) log alpha_t of the entries that DPM-Solver keeps; entry i is continuous time (i + 1)/N'."""
    return schedule.alpha_t[schedule.half_log_snr >= MIN_HALF_LOG_SNR].log()


def level_at(log_alpha: Tensor, t: float) -> Level:
    """Level at continuous time t in [1/N', 1], log alpha linear between table entries."""
    position = t * len(log_alpha) - 1
    index = min(int(position), len(log_alpha) - 2)
    value = torch.lerp(log_alpha[index], log_alpha[index + 1], position - index).item()
    return _level(value - 0.5 * math.log(-math.expm1(2 * value)))  # sigma^2 = 1 - alpha^2


def half_log_snr_grid(schedule: Schedule, nfe: int, t_start: float) -> tuple[tuple[Level, ...], tuple[float, ...]]:
    """nfe + 1 levels uniform in lambda from t_start to t_end = 1/N', and the network label of each.

    The label is (t - 1/N') * T although N' < T entries are kept, so labels are stretched against the levels
    (t = 0.992 is table position 987.03, told as 990.996). Published numbers have it: copied, not mended.
    Source: LuChengTHU/dpm-solver, NoiseScheduleVP("discrete") with skip_type "logSNR".

    Raises:
        UserError: t_start outside (1/N', 1].
    """
    log_alpha = kept_log_alpha(schedule)
    count = len(log_alpha)
    if not 1 / count < t_start <= 1:
        raise UserError(f"t_start {t_start}: must lie above 1/{count} and not above 1")
    start, end = level_at(log_alpha, t_start).half_log_snr, level_at(log_alpha, 1 / count).half_log_snr
    levels = tuple(_level(start + (end - start) * k / nfe) for k in range(nfe + 1))
    positions = [_position(log_alpha, math.log(level.alpha)) for level in levels]
    # t - 1/N' = position / N'
    return levels, tuple(position / count * schedule.num_steps for position in positions)


def _level(half_log_snr: float) -> Level:
    """alpha^2 = sigmoid(2 lambda), sigma^2 = sigmoid(-2 lambda)."""
    alpha, sigma = (1 / math.sqrt(1 + math.exp(-2 * sign * half_log_snr)) for sign in (1, -1))
    return Level(alpha, sigma, half_log_snr)


def _position(log_alpha: Tensor, value: float) -> float:
    """Fractional table position of a log alpha: the inverse of the interpolation in `level_at`."""
    # The table descends, searchsorted wants ascending.
    index = int(torch.searchsorted(-log_alpha, -value)) - 1
    index = min(max(index, 0), len(log_alpha) - 2)
    left, right = log_alpha[index].item(), log_alpha[index + 1].item()
    return max(index + (value - left) / (right - left), 0.0)  # rounding must not push the last label below 0
