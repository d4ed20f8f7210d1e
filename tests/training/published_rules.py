"""The published rules of training at a perturbed point, written out anew from protocol section 1.2, in float64.

Nothing here is taken from the package: schedule, posterior, variance term and targets are formulas of their own.
"""

import math

import torch

T = 1000
DETACHED, ATTACHED, ORIGINAL, INPUT_PERTURBATION = "delta_detach", "delta", "original", "ADM-IP"


def _squared_cosine(u):
    return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2


BETA = torch.tensor(
    [min(1 - _squared_cosine((i + 1) / T) / _squared_cosine(i / T), 0.999) for i in range(T)], dtype=torch.float64
)
ABAR = torch.cumprod(1 - BETA, 0)
ABAR_BEFORE = torch.cat([torch.ones(1, dtype=torch.float64), ABAR[:-1]])
POSTERIOR = BETA * (1 - ABAR_BEFORE) / (1 - ABAR)
POSTERIOR = torch.cat([POSTERIOR[1:2], POSTERIOR[1:]])  # zero at t = 0, where the next one stands in


def at(table, t):
    return table[t].reshape(-1, 1, 1, 1)


def noised(x0, t, eps):
    return at(ABAR, t).sqrt() * x0 + at(1 - ABAR, t).sqrt() * eps


def sigma(t):
    return at(1 - ABAR, t).sqrt()


def _cdf(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def variance_term(x0, x_t, t, eps_hat, v):
    """KL of the true to the model's posterior, at t = 0 the discretised likelihood, in bits a dimension; (N,)."""
    of_x0 = at(BETA, t) * at(ABAR_BEFORE, t).sqrt() / at(1 - ABAR, t)
    of_x_t = (1 - at(ABAR_BEFORE, t)) * (1 - at(BETA, t)).sqrt() / at(1 - ABAR, t)
    x0_hat = (x_t - sigma(t) * eps_hat) / at(ABAR, t).sqrt()
    mean, mean_hat = of_x0 * x0 + of_x_t * x_t, of_x0 * x0_hat + of_x_t * x_t
    f = (v + 1) / 2
    log_variance, log_hat = at(POSTERIOR, t).log(), f * at(BETA, t).log() + (1 - f) * at(POSTERIOR, t).log()
    kl = (log_hat - log_variance + (log_variance - log_hat).exp() + (mean - mean_hat) ** 2 / log_hat.exp() - 1) / 2
    deviation, bin_half = (log_hat / 2).exp(), 1 / 255
    below, above = _cdf((x0 - mean_hat - bin_half) / deviation), _cdf((x0 - mean_hat + bin_half) / deviation)
    mass = torch.where(x0 < -0.999, above, torch.where(x0 > 0.999, 1 - below, above - below))
    likelihood = -mass.clamp(min=1e-12).log()
    return torch.where(t == 0, likelihood.mean((1, 2, 3)), kl.mean((1, 2, 3))) / math.log(2)


def terms(network, x0, t, eps, delta, rule):
    """mse and vb (N,) each; ``network``: (x, t) -> eps then v."""
    x_t = noised(x0, t, eps)
    eps_hat, v = network(x_t + delta, t).chunk(2, dim=1)
    held = delta if rule == ATTACHED else delta.detach()
    target = eps + held / sigma(t) if rule in (DETACHED, ATTACHED) else eps
    seen = x_t if rule == ORIGINAL else x_t + held
    mse = ((target - eps_hat) ** 2).mean((1, 2, 3))
    return mse, variance_term(x0, seen, t, eps_hat.detach(), v)
