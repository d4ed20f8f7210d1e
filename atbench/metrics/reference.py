"""The real images that samples are compared with, with their features: computed once per data set and
extractor.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics

from atbench.data import npz
from atbench.metrics.features import Extractor, Features
from atbench.metrics.manifold import ball_radii
from atbench.metrics.memorisation import check_split_sizes
from atbench.rng import generator
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.spec.metrics import EXTRA_DISTANCES

Found = TypeVar("Found")
SHOWN, MOST_TEXT = 9, 4096  # keys in a message; bytes of a name
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
    count: int | None = None  # rows that it is fitted to; None where it is given as such

    @property
    def rank(self) -> int:
        """How many eigenvalues of the covariance may be other than zero."""
        return len(self.mu) if self.count is None else min(len(self.mu), self.count - 1)

    @cached_property
    def root(self) -> np.ndarray:
        """A (d, r) with A A^T = sigma, found once: a column for each eigenvalue above numpy.linalg.matrix_rank's bound.

        Columns fall in length. A^T S A is then graded from its first entry on, and LAPACK's reduction from there keeps
        the digits of its small eigenvalues, whose roots are what a distance between like Gaussians is made of.
        """
        values, vectors = (found[..., ::-1] for found in np.linalg.eigh(self.sigma))
        kept = values > values[0] * len(values) * np.finfo(np.float64).eps
        kept[self.rank :] = False
        return np.ascontiguousarray(vectors[:, kept] * np.sqrt(values[kept]))


@dataclass(frozen=True)
class Split:
    """One half of a reference: uint8 images (n, C, H, W), their features and the Gaussian fitted to these.

    Where no memorisation is to be judged the pixels are not kept, and images is (0, C, H, W).
    """

    images: Tensor
    features: Features
    statistics: Statistics
    _found: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def has_images(self) -> bool:
        """Whether the pixels were kept."""
        return len(self.images) > 0

    def rows(self, index: Tensor) -> tuple[Tensor, Features]:
        """Images, if kept, and features of some rows."""
        return self.images[index] if self.has_images else self.images, self.features[index]

    def once(self, key: Any, make: Callable[[], Found]) -> Found:
        """What ``make`` finds in this split alone, found once for all samples that are compared with it."""
        if key not in self._found:
            self._found[key] = make()
        found: Found = self._found[key]
        return found

    def manifold(self, neighbours: int, most: int | None = None) -> tuple[Tensor, Tensor]:
        """Features (m, d) whose balls are a manifold, and the radii (m,) of these, by `manifold.ball_radii`.

        Those of all images, or of ``most`` that a random stream of their number's name draws.
        """
        points = self.drawn(most)
        return points, self.once(("radii", neighbours, most), lambda: ball_radii(points, neighbours))

    def drawn(self, most: int | None) -> Tensor:
        """The features of all images, or of ``most``: what metrics compare with one by one."""
        features = self.features.features
        if most is None or most >= len(features):
            return features
        return self.once(("points", most), lambda: self._draw(features, most))

    def _draw(self, features: Tensor, most: int) -> Tensor:
        rows = torch.randperm(len(features), generator=generator("manifold reference", len(features), most))
        return features[rows[:most].sort().values]


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
        other keys, types or shapes, which its headers tell before any array is read.
        """
        try:
            with npz.Archive(path) as stored:
                extra = {name: keys for name, keys in EXTRA.items() if keys[0] in stored.names}
                expected = {*STRINGS, *ARRAYS, *chain(*extra.values())}
                if set(stored.names) != expected:
                    wrong = sorted(set(stored.names) ^ expected)[:SHOWN]
                    raise UserError(f"{path}: not a reference; missing or unknown keys: {', '.join(wrong)}")
                if fault := _fault({key: stored.header(key) for key in stored.names}):
                    raise UserError(f"{path}: not a readable reference ({fault})")
                arrays = {key: stored.read(key) for key in stored.names}
        except npz.READ_ERRORS as error:
            raise UserError(f"{path}: not a readable reference ({npz.one_line(error)})") from error
        strings = (str(arrays[key]) for key in STRINGS)
        count = len(arrays["train_features"])
        gaussians = {name: Statistics(arrays[mu], arrays[sigma], count) for name, (mu, sigma) in extra.items()}
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
    return Statistics(**fid_features_to_statistics(features.double()), count=len(features))


def _split(images: Tensor, extractor: Extractor, keep_images: bool) -> Split:
    features = extractor(images)
    return Split(images if keep_images else images[:0], features, feature_statistics(features.features))


def _fault(headers: dict[str, npz.Header]) -> str | None:
    """What is wrong with the arrays of a reference, by their headers; None when nothing is."""
    for key, header in headers.items():
        wanted = "U" if key in STRINGS else "u" if key.endswith("_images") else "f"
        fits = header.dtype.kind == wanted and (wanted != "U" or header.nbytes <= MOST_TEXT)
        if not fits or header.shape not in _shapes(key, headers):
            return f"{key} is {header.dtype} {header.shape}"
        if header.packed != header.begin + header.nbytes:
            return f"{key} is compressed, which no reference of ours is"
    return None


def _shapes(key: str, headers: dict[str, npz.Header]) -> list[tuple[int, ...]]:
    """The shapes that an array may have, by those of its neighbours."""
    if key in STRINGS:
        return [()]
    split, _, part = key.partition("_")
    own, features = headers[key].shape, headers[f"{split}_features"].shape
    if part.endswith("sigma"):
        return [headers[key.replace("sigma", "mu")].shape * 2]
    axes = {"images": 4, "features": 2, "logits": 2}.get(part, 1)
    if len(own) != axes:
        return []
    if part == "images":
        return [(rows, *own[1:]) for rows in (0, *features[:1])]
    return [features[1:]] if part == "mu" else [(*features[:1], *own[1:])] if part == "logits" else [own]


def _split_from(arrays: dict[str, np.ndarray], name: str) -> Split:
    images, features, logits = (torch.from_numpy(arrays[f"{name}_{part}"]) for part in ("images", "features", "logits"))
    statistics = Statistics(arrays[f"{name}_mu"], arrays[f"{name}_sigma"], len(features))
    return Split(images, Features(features, logits), statistics)
