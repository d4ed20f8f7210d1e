"""Seconds that the metrics of a cell take on this machine: of random images, against as many as its real images are."""

import math
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from atbench.data import folder
from atbench.estimate.stopwatch import NAMES, REPEATS, Timing, seconds
from atbench.metrics.features import Features
from atbench.metrics.memorisation import nearest_distances
from atbench.metrics.reference import Reference, Split, feature_statistics
from atbench.metrics.score import collected, score_features
from atbench.rng import gaussian, uniform
from atbench.spec.datasets import counts_of, format_of, shape_of
from atbench.spec.judging import Judging
from atbench.spec.metric import is_judged_at_home
from atbench.spec.metrics import FEATURES, measuring
from atbench.spec.score_options import fewest
from atbench.tasks.judge import extractor_of

LONG, TOO_LONG = 4.0, 24.0  # processor seconds of one scoring: no third number of images is tried, and no second
CLASSES = 10  # of an extractor that is not trained yet


@dataclass(frozen=True)
class Made:
    """Samples and real images that are random numbers, with features as wide as an extractor's."""

    images: Tensor  # uint8 (n, C, H, W)
    features: Features
    reference: Reference


def measure_metrics(judging: Judging, device: torch.device) -> Timing:
    """Seconds of a cell, features and all that is computed from them; a CLIP score is not in them.

    Of an extractor that is trained by a job of its own, and is not yet, the features are left out: it is small. Raises
    UserError where a pretrained one, or the folder of real images, is not here.
    """
    suite = judging.suite
    wanted, widths, passes = suite.evaluation.samples, (FEATURES[suite.extractor], CLASSES, {}), (0.0, 0.0)
    if judging.extractor is None or judging.extractor.address.record.exists():
        extractor = extractor_of(judging, device)
        block = random_images(extractor.block, judging)
        seen = extractor(block)  # this call pays for what later ones find ready
        widths = (seen.features.shape[1], seen.logits.shape[1], {k: rows.shape[1] for k, rows in seen.extra.items()})
        blocks = math.ceil(wanted / extractor.block)
        passes = tuple(blocks * spent for spent in seconds(lambda _: extractor(block), len(block), 1, device))
    images, found = timed_scoring(judging, widths, device)
    growth = grown(found, wanted)
    wall, cpu = (tuple(once + growth * spent for spent in kind) for once, kind in zip(passes, zip(*found[images])))
    return Timing(wall, cpu, images, wanted)


def timed_scoring(
    judging: Judging, widths: tuple[int, int, dict[str, int]], device: torch.device
) -> tuple[int, dict[int, list[tuple[float, float]]]]:
    """The most samples that were scored, and for each number tried the seconds of its repetitions: clock, processor."""
    suite, found = judging.suite, {}
    wanted, real = suite.evaluation.samples, real_images(judging)
    images = min(fewest(suite.evaluation.metrics, real), wanted)
    while True:
        made = random_set(judging, images, max(images, real * images // wanted), widths)
        found[images] = [seconds(partial(score, made, judging), images, 1, device)]
        once = found[images][0][1]
        if images == wanted or once >= TOO_LONG or (once >= LONG and len(found) > 1):
            break
        images = min(2 * images, wanted)
    if REPEATS * once < LONG:
        found[images] = [seconds(partial(score, made, judging), images, 1, device) for _ in range(REPEATS)]
    return images, found


def grown(found: dict[int, list[tuple[float, float]]], wanted: int) -> float:
    """By how much the seconds of the most samples tried grow up to ``wanted`` ones.

    As they grew between the last two numbers tried: the roots of covariances take as long for any number, distances
    between images grow with its square. Linearly where one number was tried.
    """
    *before, most = found
    if not before:
        return wanted / most
    last, now = (found[images][0][0] for images in (before[-1], most))
    power = min(2.0, max(0.0, math.log(now / last) / math.log(most / before[-1])))
    return (wanted / most) ** power


def score(made: Made, judging: Judging, images: int) -> dict[str, float]:
    """What a cell's scoring does with all its ``images``, but for the features."""
    split, options = made.reference, judging.suite.evaluation.metrics
    real = (split.train.images, split.heldout.images)
    nearest = nearest_distances(made.images, *real) if split.train.has_images else None
    rows = collected(measuring(), made.images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few samples: only their time is asked for
        return score_features(made.features, made.reference, options, nearest, rows=rows)


def random_set(judging: Judging, samples: int, real: int, widths: tuple[int, int, dict[str, int]]) -> Made:
    """So many samples and real images; a quarter as many are held out."""
    splits = []
    for count in (real, max(2, real // 4)):
        features = random_features(count, widths)
        images = random_images(count if is_judged_at_home(judging.suite) else 0, judging)
        splits.append(Split(images, features, feature_statistics(features.features)))
    extra = {name: feature_statistics(rows) for name, rows in splits[0].features.extra.items()}
    reference = Reference("random images", judging.suite.extractor, "", *splits, extra)
    return Made(random_images(samples, judging), random_features(samples, widths), reference)


def random_features(count: int, widths: tuple[int, int, dict[str, int]]) -> Features:
    """Gaussian features and logits, and further features by name."""
    wide, classes, extra = widths
    rows = {name: gaussian((count, width), *NAMES, name) for name, width in extra.items()}
    return Features(gaussian((count, wide), *NAMES, "features"), gaussian((count, classes), *NAMES, "logits"), rows)


def random_images(count: int, judging: Judging) -> Tensor:
    """uint8 images of the shape that the suite is judged by."""
    shape = shape_of(judging.suite.judged_by)
    return (256 * uniform((count, *shape), *NAMES, "judged")).to(torch.uint8)


def real_images(judging: Judging) -> int:
    """Images to train on, by the data set or by the files of a folder; as many as samples where neither says."""
    data = judging.suite.judged_by
    if counts := counts_of(data):
        return counts[0]
    if "held_out" in format_of(data).optional and data.path:
        root = Path(data.path)
        return len(folder.split(data, root, *folder.find_images(root))[False])
    return judging.suite.evaluation.samples
