"""MMD with a Gaussian kernel, on any features: a distance that assumes no Gaussian and has no bias."""

import math

import numpy as np
from torch import Tensor

from atbench.metrics.reference import Split

ROWS = 2048  # rows of a kernel matrix held at once, a bound on memory only
SCALE = 1000  # google-research/google-research:cmmd/distance.py, to be readable


def gaussian_mmd(samples: Tensor, real: Split, bandwidth: float, most: int | None = None) -> float:
    """1000 times MMD^2 of samples (n, d) and the features of a split, or of ``most`` that are drawn of it, float64.

    MMD^2 = sum_ij k(x_i, x_j) / (n (n - 1)) + the same of y, i and j different, - 2 sum_ij k(x_i, y_j) / (n m), with
    k(x, y) = exp(-|x - y|^2 / (2 s^2)) (Gretton et al. 2012, eq. 3). CMMD (Jayasumana et al. 2024) takes this kernel
    with s = 10 on CLIP's features, and its code the estimate with i = j in it, which at our numbers of images would be
    mostly that. Here s is ``bandwidth`` times the root mean square distance of two real images: the features of one
    extractor are far longer than another's.
    """
    width = bandwidth * math.sqrt(2 * np.trace(real.statistics.sigma))
    theirs = real.drawn(most)
    count, own = len(theirs), len(samples)
    within = real.once(("gaussian kernel", width, most), lambda: _sum(theirs, theirs, width) - count)  # k(y, y) is 1
    mmd = (_sum(samples, samples, width) - own) / (own * (own - 1)) + within / (count * (count - 1))
    return SCALE * (mmd - 2 * _sum(samples, theirs, width) / (own * count))


def _sum(first: Tensor, second: Tensor, width: float) -> float:
    """The sum of the kernel over all pairs of rows."""
    others = second.double().numpy()
    squares, total = np.square(others).sum(1), 0.0
    for part in first.split(ROWS):
        rows = part.double().numpy()
        distances = np.square(rows).sum(1)[:, None] + squares - 2 * rows @ others.T
        total += float(np.exp(distances.clip(min=0) / (-2 * width**2)).sum())
    return total
