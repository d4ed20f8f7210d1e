"""All metrics of one cell: those of the files in `atbench/metrics/cell`, each of which measures its own."""

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from torch import Tensor

from atbench.metrics.features import Features, check_images
from atbench.metrics.memorisation import nearest_distances
from atbench.metrics.reference import Reference
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import blocks_of
from atbench.runtime.errors import UserError
from atbench.spec.metrics import Measuring, measuring
from atbench.spec.models.metric_options import MetricOptions
from atbench.spec.score_options import largest

Taken = TypeVar("Taken")
Rows = dict[str, Taken]  # module of a plugin -> what belongs to it


def score(images_uint8: Tensor, features: Features, reference: Reference, options: MetricOptions) -> dict[str, float]:
    """Every metric that samples (n, C, H, W), uint8, and their features have by themselves, whatever was requested.

    `*_se` is a delete-one-block jackknife over blocks of shuffled samples. Raises UserError for options that are too
    large for the samples (naming the key), and for images that do not match the features or the reference. Warns when
    the sample covariance is singular.
    """
    _check_images(images_uint8, features, reference)
    real = reference.train.images, reference.heldout.images
    nearest = nearest_distances(images_uint8, *real) if reference.train.has_images else None
    rows = collected(measuring(), images_uint8) if len(images_uint8) else {}
    return score_features(features, reference, options, nearest, rows=rows)


def score_features(
    features: Features,
    reference: Reference,
    options: MetricOptions,
    nearest: Tensor | None = None,
    classes: Tensor | None = None,
    clip: Tensor | None = None,
    rows: Rows[Tensor] | None = None,
) -> dict[str, float]:
    """`score` without the pixels; ``nearest``, ``classes`` and ``clip`` as in `Scored`, ``rows`` as of `collected`."""
    _check_features(features, reference)
    check_options(options, len(features), len(reference.train), "samples")
    if len(features) <= features.features.shape[1]:
        counts = f"{len(features)} samples, {features.features.shape[1]} features"
        warnings.warn(f"{counts}: the covariance is singular and fd strongly biased upwards", stacklevel=2)
    blocks = blocks_of(len(features), options.blocks)
    scored = Scored(features, reference, options, blocks, nearest, classes, clip)
    values: dict[str, float] = {}
    for each in measuring():
        values |= measured(each, scored, rows or {})
    return values


def collecting(files: Iterable[Measuring]) -> Rows[Callable[[Tensor], Tensor]]:
    """The functions `collect` of metrics that look at the images themselves, by their module."""
    modules = {each.module: each.load() for each in files if each.plugin}
    return {name: module.collect for name, module in modules.items() if hasattr(module, "collect")}


def collected(files: Iterable[Measuring], images: Tensor) -> Rows[Tensor]:
    """What these metrics take of uint8 images (n, C, H, W): rows (n, ...) of each."""
    return {name: collect(images) for name, collect in collecting(files).items()}


def measured(measuring: Measuring, scored: Scored, rows: Rows[Tensor]) -> dict[str, float]:
    """What a file measures. Raises UserError for a plugin that gives what it did not declare, or no finite number."""
    scored = replace(scored, collected=rows.get(measuring.module))
    values = {key: float(value) for key, value in measuring.load().measure(scored).items()}
    if measuring.plugin:
        names = {each.name for each in measuring.metrics}
        for key, value in values.items():
            if key not in names or not math.isfinite(value):
                raise UserError(f"{measuring.plugin}: measure gives {key} = {value:g}; finite numbers for {names}")
    return values


def check_options(options: MetricOptions, samples: int, reference: int, what: str) -> None:
    """Raises UserError naming an option that is too large for the counts.

    `samples` and `reference` are numbers of images; `what` names the samples in the message.
    """
    for key, most in largest(options, samples, reference).items():
        if getattr(options, key) > most:
            counts = f"{samples} {what} and {reference} training images"
            raise UserError(f"metric options: {key} = {getattr(options, key)}, allowed: at most {most} with {counts}")


def _check_images(images: Tensor, features: Features, reference: Reference) -> None:
    real = reference.train
    if real.has_images or len(images):  # rows of the reference itself may come without their pixels
        check_images(images, real.images.shape[1], real.images.shape[2])
    if len(images) != len(features) and (real.has_images or len(images)):
        raise UserError(f"score: {len(images)} images but features of {len(features)}")


def _check_features(features: Features, reference: Reference) -> None:
    real = reference.train
    widths = features.features.shape[1], real.features.features.shape[1]
    if widths[0] != widths[1]:
        raise UserError(
            f"score: {widths[0]} features per sample, the reference ({reference.extractor}) has {widths[1]}"
        )
    if features.extra.keys() != reference.extra.keys():
        names = [", ".join(sorted(extra)) or "none" for extra in (features.extra, reference.extra)]
        raise UserError(
            f"score: extra features {names[0]}, of the reference ({reference.extractor}) {names[1]}: rebuild it"
        )
