"""Reverse steps fitted plainly and robustly, each to its optimum, and what sampling with them does.

A fitted step is p(x_s | x_t = y) = N(w . features(y), variance), w the minimiser over all w of

    plain   E_{q(x_t)} loss(x_t),   loss(y) = KL(q(x_s | y) || p(x_s | y))
    kl      max over laws r of x_t with KL(r || q(x_t)) <= radius of E_r loss(x_t): the distributionally robust
            objective as the caption of the paper's Figure 1 puts it, where q(x_s | x_t) stays and the law of x_t is
            the worst of a ball. The worst r is q exp(loss / lambda) up to a constant (Lagrange): the inner maximum is
            exact.
    state   E max over |delta| <= radius of |m(x0, x_t + delta) - w . features(x_t + delta)|^2, m the mean of
            q(x_s | x0, x_t): adversarial training, whose target keeps x0. The inner maximum is over OFFSETS.

All three are convex in w. ``kl`` reads what the paper's public summary leaves open, q~(x_s | x_t), as q(x_s | x_t).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from atbench.diffusion.respacing import even_timesteps, respaced
from atbench.diffusion.schedule import cosine_schedule
from atbench.mismatch.gaussian_mixture import CELL, GRID, Mixture, ReverseStep, cross_entropy, divergence, reverse_steps

PLAIN = "plain"
OFFSETS = np.linspace(-1, 1, 9)  # of a state within its ball, in radii
REACH = 1.8  # the bumps cover as many deviations of x_t on either side


def measure(
    mixture: Mixture, nfe: int, bumps: Sequence[int], radii: Mapping[str, Sequence[float]]
) -> list[dict[str, Any]]:
    """One row per number of bumps, objective, radius and reverse step of a chain of ``nfe`` states.

    ``radii`` maps an objective beside the plain one to those of its balls. Columns beside these axes:

    t              timestep that the step leads to
    kl_pq, kl_qp   KL(p(x_t) || q(x_t)) and the other way round, nats: p is what sampling with the fitted steps draws
    nll, bound     E_q[-log p(x_t)], and what the fitted losses bound it by: the entropy of q(x_t), KL(q(x_T) || p(x_T))
                   and all E_q loss so far (chain rule of KL: that of marginals is at most that of whole paths)
    loss           E_{q(x_t)} loss of the step, nats
    visited        E_{p(x_t)} loss of the step: at the states that sampling meets
    worst, inside  objective ``kl`` only: its maximum, and whether p(x_t) lies in the ball: then it bounds `visited`
    """
    process = respaced(cosine_schedule(), even_timesteps(nfe, cosine_schedule().num_steps))
    kinds = [(PLAIN, 0.0)] + [(kind, radius) for kind, balls in radii.items() for radius in balls]
    chains = [Chain(count, kind, radius) for count in bumps for kind, radius in kinds]
    for step in reverse_steps(mixture, process):
        for chain in chains:
            chain.take(step)
    return [row for chain in chains for row in chain.rows]


class Chain:
    """Sampling with fitted steps from standard normal x_T, its law followed exactly; ``rows`` as `measure` says."""

    def __init__(self, bumps: int, objective: str, radius: float):
        self.axes = {"bumps": bumps, "objective": objective, "radius": radius}
        self.log_p = -0.5 * (GRID**2 + np.log(2 * np.pi))
        self.spent: float | None = None  # nats of the bound before the next step
        self.rows: list[dict] = []

    def take(self, step: ReverseStep) -> None:
        """Fit the step, follow the law of x_t through it and note a row."""
        objective, radius = self.axes["objective"], self.axes["radius"]
        weights, worst = FITS[objective](step, self.axes["bumps"], radius)
        mean = features(GRID, step, self.axes["bumps"]) @ weights
        losses = step.losses(mean)
        if self.spent is None:
            self.spent = divergence(step.log_q, self.log_p)
        self.spent += step.q @ losses
        before = divergence(self.log_p, step.log_q)
        visited = np.exp(self.log_p) @ losses * CELL
        self.log_p = step.take(self.log_p, mean)
        row = {
            "t": step.s,
            "kl_pq": divergence(self.log_p, step.log_q_next),
            "kl_qp": divergence(step.log_q_next, self.log_p),
            "nll": cross_entropy(step.log_q_next, self.log_p),
            "bound": cross_entropy(step.log_q_next, step.log_q_next) + self.spent,
            "loss": step.q @ losses,
            "visited": visited,
        }
        robust = {} if worst is None else {"worst": worst, "inside": bool(before <= radius)}
        self.rows.append(self.axes | {key: float(value) for key, value in row.items()} | {"t": step.s} | robust)


def features(y: np.ndarray, step: ReverseStep, bumps: int) -> np.ndarray:
    """(N, bumps + 2): a constant, y, and Gaussian bumps at even places over the bulk of q(x_t)."""
    z = y[:, None] / (step.q @ GRID**2) ** 0.5
    centres, width = np.linspace(-REACH, REACH, bumps), 2 * REACH / bumps
    return np.concatenate([np.ones_like(z), z, np.exp(-(((z - centres) / width) ** 2) / 2)], axis=1)


def plain(step: ReverseStep, bumps: int, radius: float) -> tuple[np.ndarray, None]:
    """Least squares under q(x_t); the radius is none."""
    known, root = features(GRID, step, bumps), np.sqrt(step.q)
    return np.linalg.lstsq(root[:, None] * known, root * step.mean, rcond=None)[0], None


def kl(step: ReverseStep, bumps: int, radius: float) -> tuple[np.ndarray, float]:
    """The dual: min over w and lambda > 0 of lambda (radius + log E_q exp(loss / lambda)), and its value in nats."""
    known = features(GRID, step, bumps)

    def dual(variables: np.ndarray) -> tuple[float, np.ndarray]:
        weights, price = variables[:-1], np.exp(variables[-1])
        tilted = step.losses(known @ weights) / price + np.log(step.q + np.finfo(float).tiny)
        log_mean = logsumexp(tilted)
        worst = np.exp(tilted - log_mean)
        slope = known.T @ (worst * (known @ weights - step.mean)) / step.variance
        distance = worst @ (tilted - log_mean - np.log(step.q + np.finfo(float).tiny))
        return price * (radius + log_mean), np.append(slope, price * (radius - distance))

    found = minimize(dual, np.append(plain(step, bumps, 0.0)[0], 0.0), jac=True, method="BFGS")
    return found.x[:-1], float(found.fun)


def state(step: ReverseStep, bumps: int, radius: float) -> tuple[np.ndarray, None]:
    """Every quadrature node (x0, x_t) at the worst of its OFFSETS; the error is of the mean of q(x_s | x0, x_t)."""
    y, posterior, share = step.nodes
    delta = radius * OFFSETS
    known = features((y[:, None] + delta).ravel(), step, bumps).reshape(len(y), len(delta), -1)
    target = posterior[:, None] + step.slope * delta

    def worst(weights: np.ndarray) -> tuple[float, np.ndarray]:
        errors = known @ weights - target
        chosen = np.abs(errors).argmax(1)[:, None]
        error = np.take_along_axis(errors, chosen, 1)[:, 0]
        at = np.take_along_axis(known, chosen[..., None], 1)[:, 0]
        scale = 1 / (2 * step.variance)
        return scale * share @ error**2, 2 * scale * at.T @ (share * error)

    found = minimize(worst, plain(step, bumps, 0.0)[0], jac=True, method="BFGS")
    return found.x, None


FITS = {PLAIN: plain, "kl": kl, "state": state}
