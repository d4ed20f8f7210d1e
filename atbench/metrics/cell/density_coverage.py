"""Density and coverage of manifolds of features (Naeem et al. 2020, ICML)."""

from atbench.metrics.manifold import filling
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import jackknife_se
from atbench.spec.metric import Metric, share, spread, where_asked

METRICS = (
    Metric(
        "density",
        "density",
        "higher",
        0,
        has_table=True,
        applies=where_asked("density_neighbours"),
        rare=True,
        column=18,
    ),
    spread("density_se", "standard error of density", rare=True, column=19),
    share("coverage", "coverage", applies=where_asked("density_neighbours"), rare=True, column=20),
    spread("coverage_se", "standard error of coverage", rare=True, column=21),
)


def measure(scored: Scored) -> dict[str, float]:
    """How densely, and how completely, samples fill the balls of the training images; nothing where it is not asked."""
    options = scored.options
    if options.density_neighbours is None:
        return {}
    real, radii = scored.reference.train.manifold(options.density_neighbours, options.manifold_reference)
    found = filling(scored.features.features, real, radii, options.density_neighbours, scored.blocks)
    return {
        "density": found.density,
        "density_se": jackknife_se(found.densities),
        "coverage": found.coverage,
        "coverage_se": jackknife_se(found.coverages),
    }
