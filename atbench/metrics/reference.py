"""The real images that samples are compared with, with their features: computed once per data set and
extractor.
"""

import hashlib
import zipfile
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics

from atbench.metrics.features import Extractor, Features
from atbench.metrics.memorisation import check_split_sizes
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.spec.metrics import EXTRA_DISTANCES

STRINGS = ("data", "extractor", "extractor_hash")
ARRAYS = tuple(
    f"{split}_{part}" for split in ("train", "heldout") for part in ("images", "features", "logits", "mu", "sigma")
)

EXTRA = {name: (f"train_{name}_mu", f"train_{name}_sigma") for name in EXTRA_DISTANCES}


@dataclass(frozen=True)
class Statistics:
    """Mean (d,) and covariance (d, d) of features, float64: the Gaussian of a Frechet distance."""

    mu: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class Split:
    """One half of a reference: uint8 images (n, C, H, W), their features and the Gaussian fitted to these.

    Where no memorisation is to be judged the pixels are not kept, and images is (0, C, H, W).
    """

    images: Tensor
    features: Features
    statistics: Statistics

    def __len__(self) -> int:
        return len(self.features)

    @property
    def has_images(self) -> bool:
        """Whether the pixels were kept."""
        return len(self.images) > 0

    def rows(self, index: Tensor) -> tuple[Tensor, Features]:
        """Images, if kept, and features of some rows."""
        return self.images[index] if self.has_images else self.images, self.features[index]


@dataclass(frozen=True)
class Reference:
    """Training images, which samples should resemble, and held-out images, which the model never saw.

    Of the training images' extra features the file keeps the Gaussian only: no metric compares them one by one.
    """

    data: str  # name of the data set
    extractor: str  # name of the extractor
    extractor_hash: str  # SHA-256 of the extractor's weights
    train: Split
    heldout: Split
    extra: dict[str, Statistics] = field(default_factory=dict)  # metric -> the training images' Gaussian

    @property
    def counts(self) -> dict[str, int]:
        """Images per split: {"train": n, "heldout": m}."""
        return {"train": len(self.train), "heldout": len(self.heldout)}

    @property
    def hash(self) -> str:
        """SHA-256 over names, types, shapes and values, so it does not depend on the file format."""
        digest = hashlib.sha256()
        for key, array in sorted(self._arrays().items()):
            digest.update(f"{key} {array.dtype.str} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Path | str) -> None:
        """Writes an npz file under a temporary name and renames it: a reader never meets half a file."""
        write_atomically(path, lambda temporary: np.savez(temporary, **self._arrays()))

    @classmethod
    def load(cls, path: Path | str) -> "Reference":
        """Reads what `save` wrote. Raises UserError naming the file when it is missing, truncated or has
        other keys.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                arrays = {key: stored[key] for key in stored.files}
        except (OSError, EOFError, ValueError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise UserError(f"{path}: not a readable reference ({type(error).__name__}: {error})") from error
        extra = {name: keys for name, keys in EXTRA.items() if keys[0] in arrays}
        expected = {*STRINGS, *ARRAYS, *chain(*extra.values())}
        if set(arrays) != expected:
            wrong = sorted(set(arrays) ^ expected)
            raise UserError(f"{path}: not a reference; missing or unknown keys: {', '.join(wrong)}")
        strings = (str(arrays[key]) for key in STRINGS)
        gaussians = {name: Statistics(*(arrays[key] for key in keys)) for name, keys in extra.items()}
        return cls(*strings, _split_from(arrays, "train"), _split_from(arrays, "heldout"), gaussians)

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {key: np.array(getattr(self, key)) for key in STRINGS}
        for name, split in (("train", self.train), ("heldout", self.heldout)):
            arrays[f"{name}_images"] = split.images.numpy()
            arrays[f"{name}_features"] = split.features.features.numpy()
            arrays[f"{name}_logits"] = split.features.logits.numpy()
            arrays[f"{name}_mu"], arrays[f"{name}_sigma"] = split.statistics.mu, split.statistics.sigma
        for name, gaussian in self.extra.items():
            arrays |= zip(EXTRA[name], (gaussian.mu, gaussian.sigma))
        return arrays


def build_reference(
    train_images: Tensor, heldout_images: Tensor, extractor: Extractor, data_name: str, keep_images: bool = True
) -> Reference:
    """Extracts features of uint8 images (n, C, H, W) of both splits; ``keep_images``: for the memorisation ratio.

    Raises UserError as `extract` does, and for fewer than two held-out or fewer training than held-out
    images: the memorisation ratio compares sets of equal size.
    """
    check_split_sizes(len(train_images), len(heldout_images))
    splits = [_split(images.cpu().contiguous(), extractor, keep_images) for images in (train_images, heldout_images)]
    extra = {name: feature_statistics(rows) for name, rows in splits[0].features.extra.items()}
    return Reference(data_name, extractor.name, extractor.hash, *splits, extra)


def feature_statistics(features: Tensor) -> Statistics:
    """Mean and covariance (divisor n - 1) of features (n, d), by torch-fidelity, in float64."""
    # In float32 numpy would also average in float32, which costs three of the seven digits at 50,000 images.
    return Statistics(**fid_features_to_statistics(features.double()))


def _split(images: Tensor, extractor: Extractor, keep_images: bool) -> Split:
    features = extractor(images)
    return Split(images if keep_images else images[:0], features, feature_statistics(features.features))


def _split_from(arrays: dict[str, np.ndarray], name: str) -> Split:
    images, features, logits = (torch.from_numpy(arrays[f"{name}_{part}"]) for part in ("images", "features", "logits"))
    statistics = Statistics(arrays[f"{name}_mu"], arrays[f"{name}_sigma"])
    return Split(images, Features(features, logits), statistics)
