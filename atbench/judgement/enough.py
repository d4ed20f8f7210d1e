"""Whether there are enough real images for a Frechet distance to be a judge."""

import pandas as pd

from atbench.spec.metrics import images_wanted

FRECHET = ("fd", "fd_heldout")  # in the features of the suite's extractor


def too_few(cells: pd.DataFrame, extractor: str, metric: str = "fd") -> bool:
    """Whether ``metric`` of cells, a tidy frame of one suite, rests on covariances of too few real images.

    Below as many images as features a covariance is singular, and the distance mostly bias: it falls with any number
    of images, whichever method made them (Chong and Forsyth, CVPR 2020). KID has no such bias.
    """
    return metric in FRECHET and bool((cells.reference.dropna() < images_wanted(extractor)).any())
