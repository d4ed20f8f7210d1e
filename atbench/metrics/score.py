"""All metrics of one cell; the maths is torch-fidelity's and clean-fid's."""

import warnings
from collections.abc import Mapping

from torch import Tensor
from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric
from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from atbench.metrics.features import Features, check_images
from atbench.metrics.frechet import frechet, frechet_cleanfid
from atbench.metrics.manifold import precision_leave_outs, recall_leave_outs
from atbench.metrics.memorisation import median_ratio, nearest_distances
from atbench.metrics.reference import Reference, Split, feature_statistics
from atbench.metrics.uncertainty import jackknife_se, kept_without_block
from atbench.runtime.errors import UserError

RNG_SEED = 2020  # of KID subsets and inception-score splits: equal features must give equal numbers
LARGE = 10_000  # images from which on torch-fidelity is asked to keep distance matrices in pieces

# option -> the smallest value that means anything
OPTIONS = {
    "kid_subsets": 1,  # subsets over which KID is averaged
    "kid_subset_size": 2,  # images per subset
    "is_splits": 1,  # parts over which the inception score is averaged
    "pr_neighbours": 1,  # k of precision and recall; 3 in the literature
    "blocks": 2,  # sample blocks of the jackknife
}


def score(
    images_uint8: Tensor, features: Features, reference: Reference, options: Mapping[str, int]
) -> dict[str, float]:
    """Every metric that samples (n, C, H, W), uint8, and their features have by themselves, whatever was asked for.

    fd, fd_heldout   Frechet distance to the training and to the held-out images, squared feature units
    fd_cleanfid      fd once more by clean-fid: a check on the arithmetic
    sfid, fid_...    Frechet distance to the training images in each of the extra features (`EXTRA_DISTANCES`)
    kid, kid_std     unbiased MMD^2, cubic kernel, mean and spread over subsets; raw, not times 1000
    is, is_std       inception score with the extractor's own classes, mean and spread over splits
    precision        share of samples inside the training manifold; recall: the reverse
    nn_ratio         1: no memorisation, 0: copies of training images (see `memorisation.nn_ratio`); left out where
                     the reference keeps no images, because the model was trained on others
    *_se             delete-one-block jackknife over `blocks` contiguous blocks of samples

    Raises UserError for options that are unknown, missing or too large for the samples (naming the key), and
    for images that do not match the features or the reference. Warns when the sample covariance is singular.
    """
    _check_images(images_uint8, features, reference)
    real = reference.train.images, reference.heldout.images
    nearest = nearest_distances(images_uint8, *real) if reference.train.has_images else None
    return score_features(features, nearest, reference, options)


def score_features(
    features: Features, nearest: Tensor | None, reference: Reference, options: Mapping[str, int]
) -> dict[str, float]:
    """`score` without the pixels: of them only `memorisation.nearest_distances`, if the reference keeps images."""
    _check_features(features, reference)
    check_options(options, len(features), len(reference.train), "samples")
    if len(features) <= features.features.shape[1]:
        counts = f"{len(features)} samples, {features.features.shape[1]} features"
        warnings.warn(f"{counts}: the covariance is singular and fd strongly biased upwards", stacklevel=2)
    kept = kept_without_block(len(features), options["blocks"])
    values = {
        **_frechet_scores(features.features, reference, kept),
        **_kid_scores(features.features, reference.train, options),
        **_inception_scores(features.logits, options),
        **_manifold_scores(features.features, reference.train, options["pr_neighbours"], kept),
    }
    if nearest is not None:
        values["nn_ratio"] = median_ratio(nearest)
    for name, rows in features.extra.items():
        values[name] = frechet(feature_statistics(rows), reference.extra[name])
    return {key: float(value) for key, value in values.items()}


def check_options(options: Mapping[str, int], samples: int, reference: int, what: str) -> None:
    """Raises UserError naming an option that is unknown, missing, no integer, or too large for the counts.

    `samples` and `reference` are numbers of images; `what` names the samples in the message.
    """
    for key in sorted({*options} ^ {*OPTIONS}):
        state = "unknown" if key in options else "missing"
        raise UserError(f"metric options: {key} is {state}; allowed: {', '.join(OPTIONS)}")
    for key, least in OPTIONS.items():
        if type(options[key]) is not int or options[key] < least:
            raise UserError(f"metric options: {key} = {options[key]!r}, allowed: integers from {least}")
    largest_block = -(-samples // options["blocks"])
    limits = {
        "kid_subset_size": min(samples, reference),
        "is_splits": samples,
        "blocks": samples // 2,
        # The smallest jackknife set lacks a block, and a point is not its own neighbour.
        "pr_neighbours": min(samples - largest_block, reference) - 1,
    }
    for key, most in limits.items():
        if options[key] > most:
            counts = f"{samples} {what} and {reference} training images"
            raise UserError(f"metric options: {key} = {options[key]}, allowed: at most {most} with {counts}")


def _frechet_scores(samples: Tensor, reference: Reference, kept: list[Tensor]) -> dict[str, float]:
    own, train = feature_statistics(samples), reference.train.statistics
    leave_outs = [frechet(feature_statistics(samples[index]), train) for index in kept]
    return {
        "fd": frechet(own, train),
        "fd_se": jackknife_se(leave_outs),
        "fd_heldout": frechet(own, reference.heldout.statistics),
        "fd_cleanfid": frechet_cleanfid(own, train),
    }


def _kid_scores(samples: Tensor, train: Split, options: Mapping[str, int]) -> dict[str, float]:
    # float64, because KID is a small difference of large kernel sums.
    result = kid_features_to_metric(
        samples.double(),
        train.features.features.double(),
        kid_subsets=options["kid_subsets"],
        kid_subset_size=options["kid_subset_size"],
        rng_seed=RNG_SEED,
        verbose=False,
    )
    return {"kid": result[KEY_METRIC_KID_MEAN], "kid_std": result[KEY_METRIC_KID_STD]}


def _inception_scores(logits: Tensor, options: Mapping[str, int]) -> dict[str, float]:
    result = isc_features_to_metric(logits, options["is_splits"], shuffle=True, rng_seed=RNG_SEED)
    return {"is": result[KEY_METRIC_ISC_MEAN], "is_std": result[KEY_METRIC_ISC_STD]}


def _manifold_scores(samples: Tensor, train: Split, neighbours: int, kept: list[Tensor]) -> dict[str, float]:
    real = train.features.features
    # torch-fidelity takes samples first, real images second; swapped, precision and recall change places.
    result = prc_features_to_metric(
        samples,
        real,
        prc_neighborhood=neighbours,
        save_cpu_ram=max(len(samples), len(real)) > LARGE,
        verbose=False,
    )
    return {
        "precision": result[KEY_METRIC_PRECISION],
        "precision_se": jackknife_se(precision_leave_outs(samples, real, neighbours, kept)),
        "recall": result[KEY_METRIC_RECALL],
        "recall_se": jackknife_se(recall_leave_outs(samples, real, neighbours, kept)),
    }


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
