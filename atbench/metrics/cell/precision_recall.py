"""Precision and recall of manifolds of features (Kynkaanniemi et al. 2019)."""

from atbench.metrics.manifold import overlap
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import jackknife_se
from atbench.spec.metric import share, spread

METRICS = (
    share("precision", "precision", column=6),
    spread("precision_se", "standard error of precision", column=7),
    share("recall", "recall", column=8),
    spread("recall_se", "standard error of recall", column=9),
)


def measure(scored: Scored) -> dict[str, float]:
    """Share of samples inside the training manifold, and the reverse."""
    options = scored.options
    real, radii = scored.reference.train.manifold(options.pr_neighbours, options.manifold_reference)
    found = overlap(scored.features.features, real, radii, options.pr_neighbours, scored.blocks)
    return {
        "precision": found.precision,
        "precision_se": jackknife_se(found.precisions),
        "recall": found.recall,
        "recall_se": jackknife_se(found.recalls),
    }
