"""The metrics of one cell once its features are there."""

from functools import partial

from atbench.metrics.features import Features
from atbench.metrics.reference import Reference
from atbench.metrics.score import score_features
from atbench.spec.models.scale import MetricOptions
from benchmarks import inception, peers
from benchmarks.entries import Contest, Row, Setting
from benchmarks.method import Budget
from benchmarks.rows.images_to_metrics import NAMES, options


def by_ours(features: Features, reference: Reference, chosen: MetricOptions, found: dict[str, float]) -> None:
    """Every metric of a cell, with standard errors; the reference's statistics are part of it."""
    found |= score_features(features, reference, chosen)


def by_torch_fidelity(features: Features, reference: Reference, chosen: MetricOptions, found: dict[str, float]) -> None:
    """Its functions from features to a metric. The reference's statistics are ready, as in its cache."""
    fid, kid, prc = (peers.package(f"torch_fidelity.metric_{name}") for name in ("fid", "kid", "prc"))
    own, real = features.features, reference.train.features.features
    subsets = {"kid_subsets": chosen.kid_subsets, "kid_subset_size": chosen.kid_subset_size}
    made = fid.fid_statistics_to_metric(
        fid.fid_features_to_statistics(own), vars(reference.train.statistics), verbose=False
    )
    made |= kid.kid_features_to_metric(own, real, verbose=False, **subsets)
    made |= prc.prc_features_to_metric(own, real, prc_neighborhood=chosen.pr_neighbours, verbose=False)
    found |= {NAMES[key]: value for key, value in made.items() if key in NAMES}


def features_to_metrics(setting: Setting) -> Contest:
    """2,500 samples and as many real images; 300 in a quick run."""
    count = 300 if setting.quick else 2500
    extractor = inception.extractor(inception.weights(setting.scratch))
    reference = inception.reference(extractor, count)
    samples = inception.features(count, "samples", len(reference.extra["sfid"].mu))
    found: tuple[dict[str, float], dict[str, float]] = {}, {}
    arguments = samples, reference, options(count)
    return Contest(
        ours=partial(by_ours, *arguments, found[0]),
        peer=partial(by_torch_fidelity, *arguments, found[1]),
        agreement=lambda: inception.agree(*found),
        budget=Budget(1, 1, 0) if setting.quick else Budget(2, 5, 120),
        warm=False,
    )


ROWS = (
    Row(
        "features-to-metrics",
        "features (2,500 x 2,048) of samples and of a reference to FID, KID, precision and recall",
        "`score_features`: also inception score, sFID, held-out distance, and standard errors of FID, precision and "
        "recall from ten leave-outs",
        "torch-fidelity: FID, KID, precision and recall, once",
        features_to_metrics,
    ),
)
