"""What the metrics of a cell are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from atbench.metrics.features import Features
from atbench.metrics.reference import Reference
from atbench.spec.models.metric_options import MetricOptions

RNG_SEED = 2020  # of KID subsets and inception-score splits: equal features must give equal numbers


@dataclass(frozen=True)
class Scored:
    """n samples by their features, and what they are compared with."""

    features: Features
    reference: Reference
    options: MetricOptions
    blocks: Sequence[Tensor]  # rows that the jackknife leaves out, one block after the other: together all
    nearest: Tensor | None = None  # of `memorisation.nearest_distances`, where the reference keeps its images
    classes: Tensor | None = None  # (n,) that the images are to show, where the extractor knows them
    clip: Tensor | None = None  # (n,) CLIP scores of the images with their prompts
    # (n, ...) rows of what a plugin's function `collect` makes of uint8 images (n, C, H, W), block by block; None where
    # the images are not there, as for rows of a reference without its pixels.
    collected: Tensor | None = None
