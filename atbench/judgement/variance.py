"""How much of a cell's chance lies in its training, and how much in the images that were drawn from it."""

import pandas as pd

from atbench.reading.tidy import final_cells
from atbench.spec.benchmark import Suite

COLUMNS = ["suite", "method", "mean", "total", "sampling", "training", "share", "cells", "seeds"]


def components(suite: Suite, frame: pd.DataFrame) -> pd.DataFrame:
    """A row per method, columns COLUMNS, as shares of the distance to the training images; of two seeds or more.

    A seed trains its own network and draws its own images, so the variance over seeds s^2 is that of training and of
    sampling together; the jackknife of each cell has the second alone. Of a cell of the grid, training^2 = s^2 - mean
    se^2, at least 0; variances relative to the squared mean distance, then averaged over the cells. The jackknife errs
    upwards for a distance (`atbench.metrics.uncertainty`), so sampling is rather less, and training more.
    """
    rows = []
    cells = final_cells(frame, suite)
    for method, own in cells[cells.fd.notna() & cells.fd_se.notna()].groupby("method", sort=False):
        points = own.groupby(["sampler", "nfe"])
        found = pd.DataFrame({"mean": points.fd.mean(), "total": points.fd.var(), "n": points.fd.count()})
        found["sampling"] = (own.fd_se**2).groupby([own.sampler, own.nfe]).mean()
        found = found[found.n > 1]
        if len(found):
            total, sampling = (found[key] / found["mean"] ** 2 for key in ("total", "sampling"))
            training = (total - sampling).clip(lower=0)
            values = [part.mean() ** 0.5 for part in (total, sampling, training)]
            share = training.mean() / (training.mean() + sampling.mean())
            rows.append((suite.name, method, found["mean"].mean(), *values, share, len(found), int(found.n.min())))
    return pd.DataFrame(rows, columns=COLUMNS)
