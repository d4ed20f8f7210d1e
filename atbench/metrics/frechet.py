"""Frechet distance between Gaussians fitted to features: by torch-fidelity, and by clean-fid as a check."""

import contextlib
import io

from cleanfid.fid import frechet_distance as cleanfid_frechet_distance
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

from atbench.metrics.reference import Statistics


def frechet(first: Statistics, second: Statistics) -> float:
    """|mu_1 - mu_2|^2 + tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2)), squared feature units (Heusel et al. 2017, eq. 6).

    torch-fidelity takes the trace from eigenvalues, and calls the result an inception distance whatever the
    features.
    """
    return fid_statistics_to_metric(vars(first), vars(second), verbose=False)[KEY_METRIC_FID]


def frechet_cleanfid(first: Statistics, second: Statistics) -> float:
    """The same distance by clean-fid, which takes scipy's matrix square root."""
    # It prints to standard output, which belongs to results, when it has to regularise a singular product.
    with contextlib.redirect_stdout(io.StringIO()):
        return float(cleanfid_frechet_distance(first.mu, first.sigma, second.mu, second.sigma))
