"""Real images as others publish them: `mu` and `sigma` of an npz, or guided-diffusion's reference batch `arr_0`.

What such a file was made of cannot be checked. So its numbers stand beside those of the images that a scale knows,
under a name of their own, and never in their place.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atbench.data import npz
from atbench.data.samples_file import KEY, Shape, read_samples
from atbench.metrics.features import Extractor, Features
from atbench.metrics.frechet import distances
from atbench.metrics.manifold import ball_radii, overlap
from atbench.metrics.reference import Statistics, feature_statistics
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.metrics import FEATURES

MOMENTS = ("mu", "sigma")
SHOWN = 9  # keys in a message


@dataclass(frozen=True)
class PublicReference:
    """The Gaussian of somebody's real images, and features of those images that the file holds.

    As in openai/guided-diffusion:evaluations/evaluator.py, moments that are given go before those of the images, which
    may be a part of them only and are there for precision and recall.
    """

    file: Path
    hash: str  # SHA-256 of the file
    statistics: Statistics
    images: Features | None

    def measure(self, samples: Features, neighbours: int) -> dict[str, float]:
        """The Frechet distance, and precision and recall where there are images."""
        found = {"fd": distances(samples.features, self.statistics)[0]}
        if self.images is not None:
            real = self.images.features
            both = overlap(samples.features, real, ball_radii(real, neighbours), neighbours, [])
            found |= {"precision": both.precision, "recall": both.recall}
        return found


def read(path: Path, extractor: Extractor, shape: Shape, most: int) -> PublicReference:
    """The reference in a file; images of ``shape`` (C, H, W), at most ``most`` of them.

    Raises UserError naming file and key: for a file that holds neither moments nor images, moments of another number of
    features than the extractor's, which they cannot be of, and such as no covariance has.
    """
    moments = _moments(path, FEATURES[extractor.name])
    images = None
    if moments is None or _holds(path, KEY):
        images = extractor(read_samples(path, shape, most))
    statistics = moments if moments is not None else feature_statistics(images.features)  # type: ignore[union-attr]
    return PublicReference(path, file_hash(path), statistics, images)


def _holds(path: Path, key: str) -> bool:
    with npz.Archive(path) as archive:
        return key in archive.names


def _moments(path: Path, width: int) -> Statistics | None:
    """The Gaussian that a file states; None where it has no moments."""
    if not path.is_file():
        raise UserError(f"{path}: no such file of reference statistics")
    try:
        with npz.Archive(path) as archive:
            if not {*MOMENTS, KEY} & {*archive.names}:
                found = ", ".join(archive.names[:SHOWN]) or "nothing"
                raise UserError(f"{path}: holds neither mu and sigma nor {KEY}, found: {found}")
            if not {*MOMENTS} & {*archive.names}:
                return None
            for key, wanted in zip(MOMENTS, ((width,), (width, width))):
                if key not in archive.names:
                    raise UserError(f"{path}: key {key} is missing beside the other of mu and sigma")
                header = archive.header(key)
                if header.dtype.kind != "f" or header.shape != wanted:
                    reason = f"{header.dtype} {header.shape}, allowed: floats {wanted}, the features of the extractor"
                    raise UserError(f"{path}: key {key}: {reason}")
            mu, sigma = (archive.read(key).astype(np.float64) for key in MOMENTS)
    except npz.READ_ERRORS as error:
        raise UserError(f"{path}: not readable reference statistics ({npz.one_line(error)})") from error
    scale = np.abs(np.diag(sigma)).max()
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all() and np.allclose(sigma, sigma.T, atol=1e-6 * scale)):
        raise UserError(f"{path}: key sigma: no covariance of finite numbers")
    return Statistics(mu, (sigma + sigma.T) / 2)
