"""A folder of PNG files down to its metrics, against features of a reference that both have ready."""

from functools import partial
from pathlib import Path

import torch

from atbench.data.samples_file import read_samples
from atbench.metrics.reference import Reference
from atbench.metrics.stream import Scoring
from atbench.spec.models.metric_options import MetricOptions
from benchmarks import inception, ours, peers
from benchmarks.entries import Contest, Row, Setting
from benchmarks.method import Budget

REFERENCE = "reference"  # its name in torch-fidelity's cache
NAMES = {"frechet_inception_distance": "fd", "kernel_inception_distance_mean": "kid"}
NAMES |= {name: name for name in ("precision", "recall")}  # torch-fidelity's keys -> ours


def options(count: int) -> MetricOptions:
    """Those of scale paper, with KID subsets that fit the images."""
    return MetricOptions(
        kid_subsets=100, kid_subset_size=min(1000, count // 2), is_splits=10, pr_neighbours=3, blocks=10
    )


def by_ours(weights: Path, folder: Path, reference: Reference, chosen: MetricOptions) -> dict[str, float]:
    """What `atbench score` does with a folder: every metric of a cell, with standard errors."""
    scoring = Scoring(inception.extractor(weights), reference, chosen)
    scoring.add(read_samples(folder))
    return scoring.finish()


def by_torch_fidelity(weights: Path, folder: Path, cache: Path, chosen: MetricOptions) -> dict[str, float]:
    """FID, KID, precision and recall by its own front door."""
    made = peers.package("torch_fidelity").calculate_metrics(
        input1=str(folder),
        input2=str(folder),
        input2_cache_name=REFERENCE,
        cache_root=str(cache),
        fid=True,
        kid=True,
        prc=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(weights),
        kid_subsets=chosen.kid_subsets,
        kid_subset_size=chosen.kid_subset_size,
        prc_neighborhood=chosen.pr_neighbours,
        cuda=False,
        verbose=False,
    )
    return {NAMES[key]: value for key, value in made.items() if key in NAMES}


def images_to_metrics(setting: Setting) -> Contest:
    """2,500 images, once or twice; 250 in a quick run, once."""
    count = 250 if setting.quick else 2500
    peers.package("torch_fidelity")
    weights, folder = inception.weights(setting.scratch), ours.pictures(setting.scratch / "png", count)
    reference, cache = inception.reference(inception.extractor(weights), count), setting.scratch / "cache"
    cache.mkdir()
    torch.save(reference.train.features.features, cache / f"{REFERENCE}-inception-v3-compat-features-2048.pt")
    chosen = options(count)
    return inception.same_numbers(
        partial(by_ours, weights, folder, reference, chosen),
        partial(by_torch_fidelity, weights, folder, cache, chosen),
        Budget(1, 1, 0),
    )


ROWS = (
    Row(
        "images-to-metrics",
        "2,500 PNG files of 32 x 32 to FID, KID, precision and recall; Inception with seeded weights, features of the "
        "reference ready",
        "what `atbench score` does; also inception score, sFID, held-out distance and standard errors",
        "torch-fidelity: `calculate_metrics`, its workers' CPU seconds included",
        images_to_metrics,
        goal=0.90,
    ),
)
