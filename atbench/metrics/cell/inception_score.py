"""Inception score with the extractor's own classes (Salimans et al. 2016), by torch-fidelity."""

from torch_fidelity.metric_isc import KEY_METRIC_ISC_MEAN, KEY_METRIC_ISC_STD, isc_features_to_metric

from atbench.metrics.scored import RNG_SEED, Scored
from atbench.spec.metric import Metric, has_logits, spread

METRICS = (
    Metric(
        "is", "inception score", "higher", 1, unit="effective classes", has_table=True, applies=has_logits, column=4
    ),
    spread("is_std", "spread of the inception score over splits", column=5),
)


def measure(scored: Scored) -> dict[str, float]:
    """Mean and spread over splits; nothing of an extractor that knows no classes."""
    if scored.features.logits.shape[1] == 0:
        return {}
    result = isc_features_to_metric(scored.features.logits, scored.options.is_splits, shuffle=True, rng_seed=RNG_SEED)
    return {"is": result[KEY_METRIC_ISC_MEAN], "is_std": result[KEY_METRIC_ISC_STD]}
