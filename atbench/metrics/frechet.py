"""Frechet distance between Gaussians fitted to features, by symmetric eigenvalue problems; by clean-fid as a check.

The trace of (S_1 S_2)^(1/2) wants no square root of a product: with S_2 = A A^T, the eigenvalues of S_1 S_2 other than
zero are those of A^T S_1 A. Tests hold the distance equal to torch-fidelity's, which takes them from the product
itself (toshas/torch-fidelity:torch_fidelity/metric_fid.py), and to clean-fid's (GaParmar/clean-fid:cleanfid/fid.py).
"""

import contextlib
import io
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from atbench.metrics.reference import Statistics
from atbench.rng import generator

ROWS = 4096  # features held in float64 at once, a bound on memory only
NONE = np.array([], dtype=np.int64)


def frechet(first: Statistics, second: Statistics) -> float:
    """|mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)), squared feature units (Heusel et al. 2017, eq. 6)."""
    product = second.root.T @ first.sigma @ second.root
    return _distance(first.mu - second.mu, np.trace(first.sigma), second, product, min(first.rank, second.rank))


def distances(features: Tensor, reference: Statistics, blocks: Sequence[Tensor] = ()) -> tuple[float, list[float]]:
    """`frechet` of features (n, d) to a Gaussian; then that of all rows but a block (m,), for each of ``blocks``."""
    rows = _Rows(features, reference)
    return rows.without(NONE), [rows.without(block.numpy()) for block in blocks]


def extrapolated(features: Tensor, reference: Statistics, points: int, least: int) -> float:
    """The distance that infinitely many samples of this kind would have; ``features`` (n, d), n above ``least``.

    Its bias falls as 1 / N: a line through the distances of ``points`` numbers N of samples, evenly spaced from
    ``least`` to n, is read off at 1 / N = 0. The samples of each N are drawn anew, by name
    (Chong and Forsyth 2020, section 4; mchong6/FID_IS_infinity:score_infinity.py).
    """
    counts = np.linspace(least, len(features), points).astype(int)
    rows = [torch.randperm(len(features), generator=generator("fd-infinity", place)) for place in range(points)]
    found = [distances(features[order[:count]], reference)[0] for order, count in zip(rows, counts)]
    _, level = np.polyfit(1 / counts, found, 1)
    return float(level)


def frechet_cleanfid(first: Statistics, second: Statistics) -> float:
    """The same distance by clean-fid, which takes scipy's matrix square root."""
    from cleanfid.fid import frechet_distance  # a second to import, for a check that wide features go without

    # It prints to standard output, which belongs to results, when it has to regularise a singular product.
    with contextlib.redirect_stdout(io.StringIO()):
        return float(frechet_distance(first.mu, first.sigma, second.mu, second.sigma))


class _Rows:
    """n centred samples; what a block adds is taken off the moments of all.

    Of up to d samples X these are X S_2 X^T (n, n), which has the eigenvalues of S_1 S_2 as well and needs no root; of
    more, those of X A, which are (r, r).
    """

    def __init__(self, features: Tensor, reference: Statistics):
        self.features, self.reference = features.numpy(), reference
        self.mean = self.features.mean(0, dtype=np.float64)
        self.by_rows = len(self.features) <= len(self.mean)
        if self.by_rows:
            centred = self._centred(slice(None))
            self.squares, self.moments = np.square(centred).sum(), centred @ reference.sigma @ centred.T
        else:
            self.squares, self.turned = self._turned()
            self.moments = self.turned.T @ self.turned

    def _turned(self) -> tuple[float, np.ndarray]:
        """The sum of squares, and X A (n, r)."""
        root, squares = self.reference.root, 0.0
        turned = np.empty((len(self.features), root.shape[1]))
        for start in range(0, len(turned), ROWS):
            part = self._centred(slice(start, start + ROWS))
            squares += np.square(part).sum()
            turned[start : start + ROWS] = part @ root
        return squares, turned

    def without(self, block: np.ndarray) -> float:
        """The distance of all samples but some."""
        left, count = self._centred(block), len(self.features) - len(block)
        total = -left.sum(0)  # of the samples that stay: all sum to zero
        trace = (self.squares - np.square(left).sum() - total @ total / count) / (count - 1)
        offset = self.mean + total / count - self.reference.mu
        product = (self._of_rows if self.by_rows else self._of_columns)(block, count) / (count - 1)
        return _distance(offset, trace, self.reference, product, min(count - 1, self.reference.rank))

    def _centred(self, rows: np.ndarray | slice) -> np.ndarray:
        return self.features[rows] - self.mean

    def _of_columns(self, block: np.ndarray, count: int) -> np.ndarray:
        left = self.turned[block]
        total = left.sum(0)
        return self.moments - left.T @ left - np.outer(total, total) / count

    def _of_rows(self, block: np.ndarray, count: int) -> np.ndarray:
        stay = np.delete(np.arange(len(self.moments)), block)
        products = self.moments[np.ix_(stay, stay)]
        means = products.mean(0)
        return products - means - means[:, None] + means.mean()


def _distance(offset: np.ndarray, trace: float, reference: Statistics, product: np.ndarray, rank: int) -> float:
    """From A^T S A, or a matrix with its eigenvalues, of which ``rank`` can be other than zero."""
    # The others are zero up to rounding, whose root would be half as many digits.
    eigenvalues = np.linalg.eigvalsh(product)[max(len(product) - rank, 0) :]
    root_trace = np.sqrt(eigenvalues.clip(min=0)).sum()
    return float(offset @ offset + trace + np.trace(reference.sigma) - 2 * root_trace)
