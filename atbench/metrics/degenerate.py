"""Images and features that are no sample of anything: told by name, beside numbers that stay what they are.

Samples that collapsed are a result: their distances are finite, right and far from the reference, so they are kept, and
the record says in words what no number shows. A reference that collapsed is no result: nothing can be compared with it,
and it is refused before hours of features rest on it.
"""

import numpy as np

from atbench.metrics.features import Features
from atbench.runtime.errors import UserError

ALONG_ONE = 1 - 1e-6  # share of the variance on one axis from which on features count as lying on a line


def remarks(features: Features) -> list[str]:
    """What is degenerate about the features of samples, a sentence each; none for samples that differ."""
    reason = _collapse(features)
    return [f"samples: {reason}"] if reason else []


def check_reference(features: Features, name: str) -> None:
    """Raises UserError for real images whose features have no spread, or only along one axis."""
    if reason := _collapse(features):
        raise UserError(f"data {name}: {reason}: nothing can be judged by them")


def _collapse(features: Features) -> str | None:
    values = features.features.double().numpy()
    if len(values) < 2:
        return None
    if np.ptp(values, axis=0).max() == 0:
        return "all features are equal, their covariance is zero"
    centred = values - values.mean(0)
    # The smaller of the two Gram matrices has the same nonzero spectrum.
    gram = centred @ centred.T if len(values) < values.shape[1] else centred.T @ centred
    # Two invariants say whether one eigenvalue is all there is: no decomposition of 2048 dimensions for it.
    if np.square(gram).sum() >= (ALONG_ONE * np.trace(gram)) ** 2:
        return "their features lie on a line, the covariance has rank 1"
    return None
