"""Frechet distance to the training and to the held-out images (Heusel et al. 2017)."""

from atbench.metrics.frechet import frechet, frechet_cleanfid
from atbench.metrics.reference import feature_statistics
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import jackknife_se
from atbench.spec.metric import distance, spread

METRICS = (
    distance("fd", "Frechet distance", has_table=True, column=0),  # the main table; see `spec.metrics.metric_label`
    spread("fd_se", "standard error of the Frechet distance", column=1),
    distance("fd_heldout", "Frechet distance to held-out images", column=10),
    distance("fd_cleanfid", "Frechet distance by clean-fid", column=12),
)


def measure(scored: Scored) -> dict[str, float]:
    """Squared feature units; ``fd_cleanfid`` is a check on the arithmetic of ``fd``."""
    samples, train = scored.features.features, scored.reference.train.statistics
    own = feature_statistics(samples)
    leave_outs = [frechet(feature_statistics(samples[index]), train) for index in scored.kept]
    return {
        "fd": frechet(own, train),
        "fd_se": jackknife_se(leave_outs),
        "fd_heldout": frechet(own, scored.reference.heldout.statistics),
        "fd_cleanfid": frechet_cleanfid(own, train),
    }
