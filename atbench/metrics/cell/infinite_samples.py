"""FD-infinity: what the Frechet distance would be of infinitely many samples (Chong and Forsyth 2020, CVPR)."""

from atbench.metrics.frechet import extrapolated
from atbench.metrics.scored import Scored
from atbench.spec.metric import Metric, where_asked

METRICS = (
    # A line through points with noise may end below zero.
    Metric(
        "fd_infinity",
        "Frechet distance, extrapolated to infinitely many samples",
        "lower",
        unit="squared length in feature space",
        has_table=True,
        applies=where_asked("extrapolation"),
        rare=True,
        column=22,
    ),
    Metric(
        "fd_heldout_infinity",
        "Frechet distance to held-out images, extrapolated to infinitely many samples",
        "lower",
        unit="squared length in feature space",
        has_table=True,
        applies=where_asked("extrapolation"),
        rare=True,
        column=23,
    ),
)


def measure(scored: Scored) -> dict[str, float]:
    """Nothing where it is not asked, or where there are no more samples than the least of the points has.

    The real images stay as they are: what their number adds to the distance stays in it.
    """
    asked, samples, reference = scored.options.extrapolation, scored.features.features, scored.reference
    if asked is None or len(samples) <= asked.least:
        return {}
    return {
        "fd_infinity": extrapolated(samples, reference.train.statistics, asked.points, asked.least),
        "fd_heldout_infinity": extrapolated(samples, reference.heldout.statistics, asked.points, asked.least),
    }
