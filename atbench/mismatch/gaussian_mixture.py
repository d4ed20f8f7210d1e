"""A Gaussian mixture on the line, where q(x_t), its score and every KL divergence along sampling are known.

All densities live on one grid of x, and integrals are sums over it: for densities as smooth as these, and zero at its
ends, such sums are exact to round-off. Everything is float64.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

from atbench.diffusion.process import Process

GRID = np.linspace(-7.0, 7.0, 1401)  # x; data lie in [-1, 1], and noise has unit variance
CELL = GRID[1] - GRID[0]
NODES = {"x0": 10, "eps": 40}  # of Gauss-Hermite quadrature, per component of the mixture


@dataclass(frozen=True)
class Mixture:
    """p(x0) = sum_m weights_m N(x0; means_m, deviations_m^2), each (M,); the weights sum to 1."""

    weights: np.ndarray
    means: np.ndarray
    deviations: np.ndarray

    def __post_init__(self):
        for name in ("weights", "means", "deviations"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))

    def log_density(self, x: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
        """log q(x_t) (G,) at x (G,), where x_t = alpha x0 + sigma eps."""
        return logsumexp(self._joint(x, alpha, sigma), axis=1)

    def score(self, x: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
        """d log q(x_t) / dx (G,): -E[eps | x_t] / sigma, what a perfect network knows."""
        joint = self._joint(x, alpha, sigma)
        shares = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        return (shares * (alpha * self.means - x[:, None]) / self._variance(alpha, sigma)).sum(1)

    def nodes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Quadrature over the joint law of (x0, eps): x0, eps and probabilities, (Q,) each."""
        (z, z_share), (e, e_share) = (_gauss_hermite(NODES[name]) for name in ("x0", "eps"))
        x0 = (self.means[:, None] + self.deviations[:, None] * z).ravel()
        share = (self.weights[:, None] * z_share).ravel()
        return np.repeat(x0, len(e)), np.tile(e, len(x0)), np.outer(share, e_share).ravel()

    def _variance(self, alpha: float, sigma: float) -> np.ndarray:
        return alpha**2 * self.deviations**2 + sigma**2

    def _joint(self, x: np.ndarray, alpha: float, sigma: float) -> np.ndarray:
        spread = np.sqrt(self._variance(alpha, sigma))
        return np.log(self.weights) + norm.logpdf(x[:, None], alpha * self.means, spread)


@dataclass(frozen=True)
class ReverseStep:
    """The true reverse step q(x_s | x_t) from every x_t = y on the grid, s < t: what p(x_s | x_t) is fitted to.

    p(x_s | x_t) is a Gaussian, as in every sampler with noise, of the variance that is right on average.
    """

    t: int  # timestep of y
    s: int  # timestep that the step leads to
    log_q: np.ndarray  # (G,) log q(x_t = y)
    log_q_next: np.ndarray  # (G,) log q(x_s) on the grid
    mean: np.ndarray  # (G,) of q(x_s | y)
    spread: np.ndarray  # (G,) its variance
    entropy: np.ndarray  # (G,) nats
    variance: float  # of p(x_s | x_t), whatever y
    nodes: tuple[np.ndarray, np.ndarray, np.ndarray]  # states y, means of q(x_s | x0, y), probabilities, (Q,) each
    slope: float  # how the mean of q(x_s | x0, y) moves with y while x0 stays

    @property
    def q(self) -> np.ndarray:
        """(G,) probability of each cell of the grid under q(x_t)."""
        return np.exp(self.log_q) * CELL

    def losses(self, mean: np.ndarray) -> np.ndarray:
        """KL(q(x_s | y) || N(mean(y), variance)) in nats, (G,)."""
        squares = (self.spread + (self.mean - mean) ** 2) / self.variance
        return (np.log(2 * np.pi * self.variance) + squares) / 2 - self.entropy

    def take(self, log_p: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """log p(x_s) (G,) from log p(x_t) (G,) and the means (G,) of p(x_s | x_t)."""
        kernel = norm.logpdf(GRID, mean[:, None], self.variance**0.5)
        return logsumexp(log_p[:, None] + np.log(CELL) + kernel, axis=0)


def reverse_steps(mixture: Mixture, process: Process) -> Iterator[ReverseStep]:
    """The reverse steps between neighbouring states of ``process``, from the noisiest on."""
    alpha, sigma = process.schedule.alpha_t.numpy(), process.schedule.sigma_t.numpy()
    x0, eps, share = mixture.nodes()
    for here, there in pairwise(reversed(range(process.num_steps))):
        log_q, log_q_next = (mixture.log_density(GRID, alpha[i], sigma[i]) for i in (here, there))
        ratio = alpha[here] / alpha[there]
        noise = (sigma[here] ** 2 - (ratio * sigma[there]) ** 2) ** 0.5  # x_t = ratio x_s + noise eps'
        # Bayes' rule; a row sums to 1, which also takes care of states where q(x_t) underflows.
        conditional = norm.logpdf(GRID[:, None], ratio * GRID, noise) + log_q_next
        conditional -= logsumexp(conditional, axis=1, keepdims=True)
        cells = np.exp(conditional)
        mean, square = cells @ GRID, cells @ GRID**2
        spread = square - mean**2
        entropy = -(cells * conditional).sum(1) + np.log(CELL)
        y = alpha[here] * x0 + sigma[here] * eps
        slope = ratio * sigma[there] ** 2 / sigma[here] ** 2  # posterior mean of Ho et al. 2020, eq. 7
        posterior = alpha[there] * (noise / sigma[here]) ** 2 * x0 + slope * y
        yield ReverseStep(
            t=int(process.timesteps[here]),
            s=int(process.timesteps[there]),
            log_q=log_q,
            log_q_next=log_q_next,
            mean=mean,
            spread=spread,
            entropy=entropy,
            variance=float(np.exp(log_q) @ spread * CELL),
            nodes=(y, posterior, share),
            slope=float(slope),
        )


def divergence(log_a: np.ndarray, log_b: np.ndarray) -> float:
    """KL(a || b) in nats of two densities on the grid, by their logarithms (G,)."""
    return float(np.exp(log_a) @ (log_a - log_b) * CELL)


def cross_entropy(log_q: np.ndarray, log_p: np.ndarray) -> float:
    """E_q[-log p] in nats."""
    return float(-np.exp(log_q) @ log_p * CELL)


def _gauss_hermite(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and probabilities of a standard normal variable."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    return nodes, weights / weights.sum()
