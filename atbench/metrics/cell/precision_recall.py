"""Precision and recall of manifolds of features (Kynkaanniemi et al. 2019), by torch-fidelity."""

from torch_fidelity.metric_prc import KEY_METRIC_PRECISION, KEY_METRIC_RECALL, prc_features_to_metric

from atbench.metrics.manifold import precision_leave_outs, recall_leave_outs
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import jackknife_se
from atbench.spec.metric import share, spread

METRICS = (
    share("precision", "precision", column=6),
    spread("precision_se", "standard error of precision", column=7),
    share("recall", "recall", column=8),
    spread("recall_se", "standard error of recall", column=9),
)
LARGE = 10_000  # images from which on torch-fidelity is asked to keep distance matrices in pieces


def measure(scored: Scored) -> dict[str, float]:
    """Share of samples inside the training manifold, and the reverse."""
    samples, real = scored.features.features, scored.reference.train.features.features
    neighbours = scored.options.pr_neighbours
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
        "precision_se": jackknife_se(precision_leave_outs(samples, real, neighbours, scored.kept)),
        "recall": result[KEY_METRIC_RECALL],
        "recall_se": jackknife_se(recall_leave_outs(samples, real, neighbours, scored.kept)),
    }
