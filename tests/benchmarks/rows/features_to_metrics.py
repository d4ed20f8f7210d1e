"""The metrics of one cell once its features are there."""

from functools import partial

import numpy as np
from torch import Tensor

from atbench.metrics.features import Features
from atbench.metrics.reference import Reference
from atbench.metrics.score import score_features
from atbench.spec.models.metric_options import MetricOptions
from benchmarks import inception, peers
from benchmarks.entries import Contest, Row, Setting
from benchmarks.method import Budget
from benchmarks.rows.images_to_metrics import NAMES, options

Numbers = dict[str, float]
Statistics = dict[str, np.ndarray]


def by_ours(features: Features, reference: Reference, chosen: MetricOptions) -> Numbers:
    """Every metric of a cell, with standard errors."""
    return score_features(features, reference, chosen)


def by_torch_fidelity(own: Tensor, real: Tensor, statistics: Statistics, chosen: MetricOptions) -> Numbers:
    """Its functions from features to a metric."""
    fid, kid, prc = (peers.package(f"torch_fidelity.metric_{name}") for name in ("fid", "kid", "prc"))
    subsets = {"kid_subsets": chosen.kid_subsets, "kid_subset_size": chosen.kid_subset_size}
    made = fid.fid_statistics_to_metric(fid.fid_features_to_statistics(own), statistics, verbose=False)
    made |= kid.kid_features_to_metric(own, real, verbose=False, **subsets)
    made |= prc.prc_features_to_metric(own, real, prc_neighborhood=chosen.pr_neighbours, verbose=False)
    return {NAMES[key]: value for key, value in made.items() if key in NAMES}


def features_to_metrics(setting: Setting) -> Contest:
    """2,500 samples and as many real images; 300 in a quick run."""
    count = 300 if setting.quick else 2500
    extractor = inception.extractor(inception.weights(setting.scratch))
    reference = inception.reference(extractor, count)
    samples = inception.features(count, "samples", len(reference.extra["sfid"].mu))
    own, real = samples.features, reference.train.features.features
    ready = peers.package("torch_fidelity.metric_fid").fid_features_to_statistics(real)
    chosen = options(count)
    return inception.same_numbers(
        partial(by_ours, samples, reference, chosen),
        partial(by_torch_fidelity, own, real, ready, chosen),
        Budget(1, 1, 0) if setting.quick else Budget(2, 5, 120),
    )


ROWS = (
    Row(
        "features-to-metrics",
        "features (2,500 x 2,048) to FID, KID, precision and recall; features and statistics of the reference ready",
        "`score_features`: also inception score, sFID, held-out distance, and standard errors of FID, precision and "
        "recall from ten leave-outs",
        "torch-fidelity: FID, KID, precision and recall, once",
        features_to_metrics,
    ),
)
