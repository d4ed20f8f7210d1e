"""Scores of image sets whose quality is known: they tell how to read the scores of samples."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from atbench.metrics.features import Extractor
from atbench.metrics.frechet import distances
from atbench.metrics.reference import Reference
from atbench.metrics.score import check_options, score
from atbench.metrics.stream import Scoring
from atbench.runtime.errors import UserError
from atbench.spec.models.metric_options import MetricOptions

CHUNK = 1024  # noise images drawn at once


def reference_rows(
    reference: Reference, extractor: Extractor, n: int, repeats: int, seed: int, options: MetricOptions
) -> dict[str, dict[str, float]]:
    """Score dictionaries: "floor" (with "floor_std"), "heldout" and "ceiling".

    floor     n images resampled with replacement from the training set: mean over `repeats` draws, and their
              spread (divisor repeats - 1). The distance between two halves of the data would be no floor:
              halves have fewer images, and the distance grows as the images get fewer.
    heldout   the held-out images: what a perfect generaliser reaches with that number of images, not with n
    ceiling   n images of clipped Gaussian noise: the start of sampling, without a model

    All draws come from `seed`. Raises UserError for n or `repeats` below 2, an extractor other than the
    reference's, or options too large for n or the held-out images.
    """
    if n < 2 or repeats < 2:
        raise UserError(f"reference rows: n = {n} and repeats = {repeats}, allowed: 2 or more")
    if extractor.hash != reference.extractor_hash:
        wanted, given = reference.extractor_hash[:8], extractor.hash[:8]
        raise UserError(f"reference {reference.data}: made with extractor {wanted}, given extractor {given}")
    check_options(options, len(reference.heldout), len(reference.train), "held-out images")
    generator = torch.Generator().manual_seed(seed)
    draws = [_floor_draw(reference, n, generator, options) for _ in range(repeats)]
    ceiling = Scoring(extractor, reference, options)
    for noise in noise_images((n, *reference.train.images.shape[1:]), generator):
        ceiling.add(noise)
    return {
        "floor": {key: float(np.mean([draw[key] for draw in draws])) for key in draws[0]},
        "floor_std": {key: float(np.std([draw[key] for draw in draws], ddof=1)) for key in draws[0]},
        "heldout": score(reference.heldout.images, reference.heldout.features, reference, options),
        "ceiling": ceiling.finish(),
    }


def floor_of(reference: Reference, n: int, repeats: int, seed: int) -> float:
    """Frechet distance of n training images, drawn with replacement, to all of them: the mean over `repeats` draws."""
    generator, features = torch.Generator().manual_seed(seed), reference.train.features.features
    draws = [features[torch.randint(len(features), (n,), generator=generator)] for _ in range(repeats)]
    return float(np.mean([distances(draw, reference.train.statistics)[0] for draw in draws]))


def noise_images(shape: tuple[int, ...], generator: torch.Generator) -> Iterator[Tensor]:
    """Standard Gaussian noise stored the way samples are: trunc(clamp((x + 1) * 127.5, 0, 255)), uint8, in pieces."""
    for start in range(0, shape[0], CHUNK):
        noise = torch.randn(min(CHUNK, shape[0] - start), *shape[1:], generator=generator)
        yield ((noise + 1) * 127.5).clamp(0, 255).to(torch.uint8)


def _floor_draw(reference: Reference, n: int, generator: torch.Generator, options: MetricOptions) -> dict[str, float]:
    train = reference.train
    index = torch.randint(len(train), (n,), generator=generator)
    return score(*train.rows(index), reference, options)
