"""All metrics of one cell: those of the files in `atbench/metrics/cell`, each of which measures its own."""

import importlib
import warnings

from torch import Tensor

from atbench.metrics.features import Features, check_images
from atbench.metrics.memorisation import nearest_distances
from atbench.metrics.reference import Reference
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import kept_without_block
from atbench.runtime.errors import UserError
from atbench.spec.metrics import MEASURED_BY
from atbench.spec.models.scale import MetricOptions
from atbench.spec.score_options import largest


def score(images_uint8: Tensor, features: Features, reference: Reference, options: MetricOptions) -> dict[str, float]:
    """Every metric that samples (n, C, H, W), uint8, and their features have by themselves, whatever was requested.

    `*_se` is a delete-one-block jackknife over contiguous blocks of samples. Raises UserError for options that are too
    large for the samples (naming the key), and for images that do not match the features or the reference. Warns when
    the sample covariance is singular.
    """
    _check_images(images_uint8, features, reference)
    real = reference.train.images, reference.heldout.images
    nearest = nearest_distances(images_uint8, *real) if reference.train.has_images else None
    return score_features(features, reference, options, nearest)


def score_features(
    features: Features,
    reference: Reference,
    options: MetricOptions,
    nearest: Tensor | None = None,
    classes: Tensor | None = None,
    clip: Tensor | None = None,
    shuffled: bool = False,
) -> dict[str, float]:
    """`score` without the pixels; ``nearest``, ``classes`` and ``clip`` as in `Scored`.

    ``shuffled``: the rows may lie in order, so that the jackknife shuffles them.
    """
    _check_features(features, reference)
    check_options(options, len(features), len(reference.train), "samples")
    if len(features) <= features.features.shape[1]:
        counts = f"{len(features)} samples, {features.features.shape[1]} features"
        warnings.warn(f"{counts}: the covariance is singular and fd strongly biased upwards", stacklevel=2)
    kept = kept_without_block(len(features), options.blocks, shuffled)
    scored = Scored(features, reference, options, kept, nearest, classes, clip)
    measured = [importlib.import_module(module).measure(scored) for module in MEASURED_BY]
    return {key: float(value) for values in measured for key, value in values.items()}


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
