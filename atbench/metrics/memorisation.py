"""Are the samples copies of training images? A ratio of pixel distances that needs no network."""

import numpy as np
import torch
from torch import Tensor

from atbench.runtime.errors import UserError

ROWS = 1024  # images per block of the distance matrix, a bound on memory only
EXACT = 1024  # pixels, whose products float32 sums without rounding: at half the cost of float64
CHUNK_SEED = 0  # the cut into chunks is a fixed property of the training set


def nn_ratio(images: Tensor, train: Tensor, heldout: Tensor) -> float:
    """Median over images x of (prod_j d(x, chunk_j))^(1/m) / d(x, heldout); all uint8 (n, C, H, W).

    d is the pixel L2 distance to the nearest image of a set. The nearest of many images is closer than the
    nearest of few, whatever the model learnt, so the training set is cut into m disjoint chunks of the
    held-out set's size. Images unrelated to either set then have log-ratios of mean zero: 1 means no
    memorisation. The mean over chunks is geometric: a copy lies in one chunk only, and an arithmetic mean
    would still give (m-1)/m. Copies give 0, near-copies at a fraction f of the usual distance f^(1/m).

    A held-out image at distance exactly 0 is passed over for the next one: this happens when the held-out
    images themselves are judged, and each must not count as its own neighbour.
    Raises UserError as `check_split_sizes` does.
    """
    return median_ratio(nearest_distances(images, train, heldout))


def nearest_distances(images: Tensor, train: Tensor, heldout: Tensor) -> Tensor:
    """d of `nn_ratio`, (m + 1, n): to each chunk of the training set, and last to the held-out images; float64."""
    check_split_sizes(len(train), len(heldout))
    size = len(heldout)
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(CHUNK_SEED))
    chunks = train[order[: len(train) // size * size]].split(size)
    to_train = [_nearest(images, chunk) for chunk in chunks]
    return torch.stack([*to_train, _nearest(images, heldout, skip_equal=True)])


def median_ratio(distances: Tensor) -> float:
    """`nn_ratio` of images whose `nearest_distances` are these."""
    to_train, to_heldout = distances[:-1], distances[-1]
    return float((to_train.log().mean(dim=0) - to_heldout.log()).exp().median())


def check_split_sizes(train: int, heldout: int) -> None:
    """Raises UserError unless there are two held-out images, and enough training images for one chunk."""
    if not 2 <= heldout <= train:
        raise UserError(f"reference: {train} training, {heldout} held-out images; allowed: train >= held-out >= 2")


def _nearest(images: Tensor, others: Tensor, skip_equal: bool = False) -> Tensor:
    """L2 distance in grey levels from each image to the nearest of `others`: (n,), float64."""
    b, rows = _centred(others), []
    for part in images.split(ROWS):
        a = _centred(part)
        # |a|^2 + |b|^2 - 2ab of integers, each of them exact: 0 for copies.
        squared = _squares(a)[:, None] + _squares(b)
        for start in range(0, a.shape[1], EXACT):
            squared -= 2 * (a[:, start : start + EXACT] @ b[:, start : start + EXACT].T)
        if skip_equal:
            squared[squared == 0] = np.inf
        rows.append(torch.from_numpy(squared.min(axis=1)))
    return torch.cat(rows).sqrt()


def _centred(images: Tensor) -> np.ndarray:
    """Grey levels (n, pixels) less 128: products are at most 2^14, and float32 holds sums of EXACT of them exactly."""
    return images.flatten(1).numpy().astype(np.float32) - 128


def _squares(rows: np.ndarray) -> np.ndarray:
    return np.square(rows, dtype=np.float64).sum(1)
