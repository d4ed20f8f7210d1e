"""Names of metrics and distances, free of torch so that tables and configuration can use them."""

from atbench.runtime.errors import UserError

# A Frechet distance may be called FID only in the features of the 2015 Inception network: numbers of two
# extractors are not comparable, and one name for both would invite the comparison.
DISTANCE_NAMES = {"digits-cnn": "FD-digits", "effnet-lite0": "FD-effnet-lite0", "inception-2015": "FID"}

# Frechet distances to the training images in further features: an extractor's own, and those of `cross_checks`.
EXTRA_DISTANCES = ("sfid", "fid_legacy_tensorflow", "fid_clean")
HAS_SPATIAL = ("inception-2015",)  # extractors with the features of sFID

# Keys of one scored cell. `_se` is a jackknife standard error; `_std` is only the spread over KID subsets or
# inception-score splits, which overlap or are small, and so no error of the mean.
METRICS = (
    "fd",
    "fd_se",
    "kid",
    "kid_std",
    "is",
    "is_std",
    "precision",
    "precision_se",
    "recall",
    "recall_se",
    "fd_heldout",
    "nn_ratio",
    "fd_cleanfid",
    "caption_score",
    "clip_score",
    *EXTRA_DISTANCES,
)
MISMATCH_METRICS = ("exposure",)  # of a run's mismatch measures, not of its cells
RARE = ("clip_score", *EXTRA_DISTANCES)  # columns of the tidy file only where a cell has them


def distance_name(extractor_name: str) -> str:
    """What the key `fd` is called in tables, say "FD-digits" or "FID". Raises UserError for another extractor."""
    if extractor_name not in DISTANCE_NAMES:
        raise UserError(f"extractor: {extractor_name!r} is unknown; allowed: {', '.join(sorted(DISTANCE_NAMES))}")
    return DISTANCE_NAMES[extractor_name]
