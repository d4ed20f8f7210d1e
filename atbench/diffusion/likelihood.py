"""Behind the variational bound: Gaussian KL and discretised-Gaussian log-likelihood, both in nats."""

import math

import torch
from torch import Tensor

HALF_BIN = 1 / 255  # 256 grey levels over [-1, 1] lie 2/255 apart
MIN_PROBABILITY = 1e-12  # floor under the logarithm


def normal_kl(mean_p: Tensor, log_variance_p: Tensor, mean_q: Tensor, log_variance_q: Tensor) -> Tensor:
    """KL(N(mean_p, var_p) || N(mean_q, var_q)), elementwise and in nats; all shapes broadcast."""
    # KL = (log var_q - log var_p - 1 + var_p / var_q + (mean_p - mean_q)^2 / var_q) / 2
    log_ratio = log_variance_q - log_variance_p
    return 0.5 * (log_ratio - 1 + torch.exp(-log_ratio) + (mean_p - mean_q) ** 2 * torch.exp(-log_variance_q))


def normal_cdf(x: Tensor) -> Tensor:
    """Standard normal CDF, by tanh and not erf because the released models were trained with it."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def discretized_gaussian_log_likelihood(x0: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log P(x0) for 8-bit x0 in [-1, 1] under a Gaussian integrated over its grey level; elementwise, nats.

    The outermost bins reach to infinity, so the 256 probabilities sum to one.
    Source: Ho et al. 2020, eq. 13; openai/guided-diffusion:guided_diffusion/losses.py.
    """
    inverse_std = torch.exp(-0.5 * log_variance)
    upper = normal_cdf((x0 - mean + HALF_BIN) * inverse_std)
    lower = normal_cdf((x0 - mean - HALF_BIN) * inverse_std)
    upper = torch.where(x0 > 0.999, 1.0, upper)
    lower = torch.where(x0 < -0.999, 0.0, lower)
    return (upper - lower).clamp(min=MIN_PROBABILITY).log()
