"""MMD with a Gaussian kernel, CMMD's distance on our own features (Jayasumana et al. 2024, CVPR)."""

from atbench.metrics.gaussian_kernel import gaussian_mmd
from atbench.metrics.scored import Scored
from atbench.spec.metric import Metric, where_asked

METRICS = (
    # An unbiased estimate may be negative.
    Metric(
        "mmd",
        "MMD (Gaussian kernel, times 1000)",
        "lower",
        mark=0.0,
        has_table=True,
        applies=where_asked("mmd_bandwidth"),
        unit="1000 x squared MMD",
        rare=True,
        column=24,
    ),
)


def measure(scored: Scored) -> dict[str, float]:
    """To the training images, or a draw of them; nothing where it is not asked."""
    options = scored.options
    if options.mmd_bandwidth is None:
        return {}
    real, most = scored.reference.train, options.manifold_reference
    return {"mmd": gaussian_mmd(scored.features.features, real, options.mmd_bandwidth, most)}
