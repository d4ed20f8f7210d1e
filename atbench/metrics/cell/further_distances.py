"""Frechet distance to the training images in further features: sFID, and FID once more by clean-fid."""

from atbench.metrics.frechet import distances
from atbench.metrics.scored import Scored
from atbench.spec.metric import distance, has_spatial_features

METRICS = (
    distance("sfid", "sFID", has_table=True, applies=has_spatial_features, rare=True, column=15),
    distance("fid_legacy_tensorflow", "FID by clean-fid (resized as by TensorFlow)", rare=True, column=16),
    distance("fid_clean", "FID by clean-fid (resized by Pillow, bicubic)", rare=True, column=17),
)


def measure(scored: Scored) -> dict[str, float]:
    """One for each of the extractor's further features."""
    extra = scored.features.extra
    return {name: distances(rows, scored.reference.extra[name])[0] for name, rows in extra.items()}
