"""KID: unbiased MMD^2 with the cubic kernel (Binkowski et al. 2018), by torch-fidelity; raw, not times 1000."""

from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from atbench.metrics.scored import RNG_SEED, Scored
from atbench.spec.metric import Metric, spread

METRICS = (
    # An unbiased estimate may be negative.
    Metric("kid", "KID", "lower", has_table=True, unit="squared MMD", column=2),
    spread("kid_std", "spread of KID over subsets", column=3),
)


def measure(scored: Scored) -> dict[str, float]:
    """Mean and spread over subsets."""
    # float64, because KID is a small difference of large kernel sums.
    result = kid_features_to_metric(
        scored.features.features.double(),
        scored.reference.train.features.features.double(),
        kid_subsets=scored.options.kid_subsets,
        kid_subset_size=scored.options.kid_subset_size,
        rng_seed=RNG_SEED,
        verbose=False,
    )
    return {"kid": result[KEY_METRIC_KID_MEAN], "kid_std": result[KEY_METRIC_KID_STD]}
