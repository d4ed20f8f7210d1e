"""Frechet distance to the training and to the held-out images (Heusel et al. 2017)."""

from atbench.metrics.frechet import distances, frechet_cleanfid
from atbench.metrics.reference import feature_statistics
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import jackknife_se
from atbench.spec.metric import distance, leads_by_heldout, spread

METRICS = (
    distance("fd", "Frechet distance", has_table=True, column=0),  # the main table; see `spec.metrics.metric_label`
    spread("fd_se", "standard error of the Frechet distance", column=1),
    distance("fd_heldout", "Frechet distance to held-out images", has_table=True, applies=leads_by_heldout, column=10),
    distance("fd_cleanfid", "Frechet distance by clean-fid", rare=True, column=12),
)
NARROW = 512  # features up to which clean-fid's matrix root costs little beside the rest


def measure(scored: Scored) -> dict[str, float]:
    """Squared feature units; ``fd_cleanfid``, of narrow features, is a check on the arithmetic of ``fd``."""
    samples, reference = scored.features.features, scored.reference
    distance, leave_outs = distances(samples, reference.train.statistics, scored.blocks)
    values = {
        "fd": distance,
        "fd_se": jackknife_se(leave_outs),
        "fd_heldout": distances(samples, reference.heldout.statistics)[0],
    }
    if samples.shape[1] <= NARROW:
        values["fd_cleanfid"] = frechet_cleanfid(feature_statistics(samples), reference.train.statistics)
    return values
