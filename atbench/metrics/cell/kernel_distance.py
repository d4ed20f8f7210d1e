"""KID: unbiased MMD^2 with the cubic kernel (Binkowski et al. 2018); raw, not times 1000."""

from atbench.metrics.kernel import kernel_distances
from atbench.metrics.scored import RNG_SEED, Scored
from atbench.spec.metric import Metric, spread

METRICS = (
    # An unbiased estimate may be negative.
    Metric("kid", "KID", "lower", mark=0.0, has_table=True, unit="squared MMD", column=2),
    spread("kid_std", "spread of KID over subsets", column=3),
)


def measure(scored: Scored) -> dict[str, float]:
    """Mean and spread over subsets."""
    options = scored.options
    found = kernel_distances(
        scored.features.features,
        scored.reference.train.features.features,
        options.kid_subsets,
        options.kid_subset_size,
        RNG_SEED,
    )
    return {"kid": float(found.mean()), "kid_std": float(found.std())}
