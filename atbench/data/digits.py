"""The 1,797 handwritten digits that scikit-learn ships (8 x 8 scans, UCI optical recognition)."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atbench.runtime.errors import UserError
from atbench.spec.models.scale import Data

# 1,797 = 4 * 449 + 1. With 449 held out, the training part holds three disjoint sets of that size, so the
# memorisation ratio (nearest training image against nearest held-out image) can compare sets of equal size.
HELD_OUT = 449
# Seeds the split only. A constant of the data set: every run, scale and seed must share one held-out part.
SPLIT_SEED = 1797
CLASS_NAMES = tuple("0123456789")
SHAPE = (1, 8, 8)  # of one image


def read(data: Data, held_out: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images uint8 (N, 1, 8, 8), labels int64 (N,) and class names: N is 449 held out, 1,348 for training."""
    images, labels = _scans()
    rows = np.flatnonzero(held_out_mask(labels) == held_out)
    return torch.from_numpy(images[rows]), torch.from_numpy(labels[rows]), CLASS_NAMES


@cache
def _scans() -> tuple[np.ndarray, np.ndarray]:
    """All scans uint8 (1797, 1, 8, 8) and labels int64 (1797,), in scikit-learn's order."""
    table = np.loadtxt(_scan_file(), delimiter=",")  # 64 grey values 0..16, then the label
    images = np.round(table[:, :64] * 255 / 16).astype(np.uint8).reshape(-1, 1, 8, 8)
    return images, table[:, 64].astype(np.int64)


def _scan_file() -> Path:
    """The file behind `sklearn.datasets.load_digits`."""
    # Found without importing scikit-learn: its import costs seconds at every start, for one small table.
    spec = find_spec("sklearn")
    for place in spec.submodule_search_locations if spec else ():
        path = Path(place) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return path
    raise UserError("data.name: digits needs scikit-learn's datasets/data/digits.csv.gz: install scikit-learn")


def held_out_mask(labels: np.ndarray) -> np.ndarray:
    """True (N,) for the held-out scans: HELD_OUT of them, shared among the classes by their size."""
    # RandomState, not default_rng: NumPy froze its stream, and a moved split would void released results.
    order = np.random.RandomState(SPLIT_SEED).permutation(len(labels))
    mask = np.zeros(len(labels), dtype=bool)
    for label, quota in enumerate(_quotas(np.bincount(labels))):
        mask[order[labels[order] == label][:quota]] = True
    return mask


def _quotas(sizes: np.ndarray) -> np.ndarray:
    """Held-out scans per class by largest remainders: they sum to HELD_OUT; ties go to the lower class."""
    quotas, remainders = np.divmod(sizes * HELD_OUT, sizes.sum())
    favoured = np.argsort(-remainders, kind="stable")[: HELD_OUT - quotas.sum()]
    quotas[favoured] += 1
    return quotas
