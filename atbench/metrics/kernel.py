"""KID over subsets from one kernel matrix, where that is smaller than the matrices of all subsets together.

Equal to toshas/torch-fidelity:torch_fidelity/metric_kid.py with the same seed: the same subsets in the same order, the
same cubic kernel and the same unbiased estimate, in float64, because KID is a small difference of large sums. Sums run
in another order, which moves the fifteenth digit of each.
"""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

ROWS = 4096  # rows of a kernel matrix held at once, a bound on memory only


def kernel_distances(samples: Tensor, real: Tensor, subsets: int, size: int, seed: int) -> np.ndarray:
    """MMD^2 of subset after subset of samples (n, d) and of real images (m, d), float64 (subsets,).

    Of a subset: sum_ij k(x_i, x_j) / (s (s - 1)) + the same of y, i and j different, - 2 sum_ij k(x_i, y_j) / s^2, with
    k(x, y) = (x.y / d + 1)^3 (Binkowski et al. 2018, eq. 4). ``size`` is s, at most n and m.
    """
    drawn = np.random.RandomState(seed)  # torch-fidelity's generator, asked in its order
    pairs = [[drawn.choice(len(rows), size, replace=False) for rows in (samples, real)] for _ in range(subsets)]
    x, y = (np.stack(rows) for rows in zip(*pairs))
    own = _sums(samples, samples, x, x) - _diagonal_sums(samples, x)
    theirs = _sums(real, real, y, y) - _diagonal_sums(real, y)
    return (own + theirs) / (size * (size - 1)) - 2 * _sums(samples, real, x, y) / size**2


def _sums(first: Tensor, second: Tensor, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """The sum of the kernel over each subset: ``rows`` of ``first`` (n, d), ``columns`` of ``second`` (m, d)."""
    if len(first) * len(second) > rows.size * columns.shape[1]:
        each = zip(rows, columns)
        return np.array([_kernel(_doubled(first, these), _doubled(second, those)).sum() for these, those in each])
    other = _doubled(second, slice(None))
    members = [_members(drawn, len(features)) for drawn, features in ((rows, first), (columns, second))]
    sums = np.zeros(len(rows))
    for start in range(0, len(first), ROWS):
        part = slice(start, start + ROWS)
        whole = first is second and len(first) <= ROWS
        kernel = _kernel(other if whole else _doubled(first, part), other)
        sums += np.einsum("sm,sm->s", members[0][:, part] @ kernel, members[1])
    return sums


def _diagonal_sums(features: Tensor, rows: np.ndarray) -> np.ndarray:
    """The sum of k(x, x) over each subset."""
    squares = np.concatenate([np.square(part).sum(1) for part in _parts(features)])
    return np.asarray(_cubed(squares, features.shape[1])[rows].sum(1))


def _members(rows: np.ndarray, count: int) -> np.ndarray:
    """(subsets, count), 1 where a row is in a subset, else 0: products with it are sums over subsets."""
    members = np.zeros((len(rows), count))
    np.put_along_axis(members, rows, 1.0, axis=1)
    return members


def _kernel(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return _cubed(first @ second.T, first.shape[1])  # of one set with itself, BLAS does half the work


def _cubed(products: np.ndarray, features: int) -> np.ndarray:
    products /= features
    products += 1
    return products * products * products  # a power would take its time for each entry


def _doubled(features: Tensor, rows: np.ndarray | slice) -> np.ndarray:
    return features.numpy()[rows].astype(np.float64)


def _parts(features: Tensor) -> Iterator[np.ndarray]:
    for part in features.split(ROWS):
        yield part.double().numpy()
