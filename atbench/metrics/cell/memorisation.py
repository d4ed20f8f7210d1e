"""Nearest-neighbour ratio: are the samples copies of training images?"""

from atbench.metrics.memorisation import median_ratio
from atbench.metrics.scored import Scored
from atbench.spec.metric import Metric, is_judged_at_home

METRICS = (
    Metric(
        "nn_ratio",
        "nearest-neighbour ratio (1 = no memorisation)",
        "towards one",
        0,
        has_table=True,
        applies=is_judged_at_home,
        column=11,
    ),
)


def measure(scored: Scored) -> dict[str, float]:
    """1: no memorisation, 0: copies. None where the reference keeps no images: the model was trained on others."""
    return {} if scored.nearest is None else {"nn_ratio": median_ratio(scored.nearest)}
