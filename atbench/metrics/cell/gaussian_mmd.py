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
    """To the training images; nothing where it is not asked."""
    bandwidth = scored.options.mmd_bandwidth
    if bandwidth is None:
        return {}
    return {"mmd": gaussian_mmd(scored.features.features, scored.reference.train, bandwidth)}
