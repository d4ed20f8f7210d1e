"""Precision and recall, density and coverage, and what they are without each block of samples.

Precision and recall (Kynkaanniemi et al. 2019) equal toshas/torch-fidelity:torch_fidelity/metric_prc.py, whose
distances all four are taken from: each pair's once for both numbers and all blocks, and only those of an image with all
others at a time. Density and coverage (Naeem et al. 2020) equal clovaai/generative-evaluation-prdc:prdc/prdc.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_fidelity.metric_prc import calc_cdist_part

ROWS = 2048  # rows of a distance matrix held at once, a bound on memory only


@dataclass(frozen=True)
class Overlap:
    """Precision and recall of all samples, and of all but each block."""

    precision: float
    recall: float
    precisions: list[float]
    recalls: list[float]


def overlap(samples: Tensor, real: Tensor, radii: Tensor, neighbours: int, blocks: Sequence[Tensor]) -> Overlap:
    """How far the manifolds of samples (n, d) and real images (m, d) cover each other.

    precision   share of samples inside a real image's ball (eq. 3). ``radii`` (m,) are real balls', which do not depend
                on samples, so that each sample is in or out once and for all
    recall      share of real images inside a sample's ball (eq. 4). Without a block there are fewer balls, but the
                remaining ones grow

    A ball reaches to its centre's nearest neighbour but ``neighbours`` - 1, of its own kind.
    """
    own = _radii_without(samples, neighbours, blocks)
    inside, hits = torch.zeros(len(samples), dtype=torch.bool), torch.zeros(len(own))
    for start in range(0, len(real), ROWS):
        distances = calc_cdist_part(real[start : start + ROWS], samples)
        inside |= (distances <= radii[start : start + ROWS, None]).any(dim=0)
        hits += torch.stack([(distances <= radius).any(dim=1).sum() for radius in own])
    precision, *precisions = [_share(inside, block) for block in (None, *blocks)]
    recall, *recalls = (hits / len(real)).tolist()
    return Overlap(precision, recall, precisions, recalls)


@dataclass(frozen=True)
class Filling:
    """Density and coverage of all samples, and of all but each block."""

    density: float
    coverage: float
    densities: list[float]
    coverages: list[float]


def filling(samples: Tensor, real: Tensor, radii: Tensor, neighbours: int, blocks: Sequence[Tensor]) -> Filling:
    """How the balls of real images (m, d) are filled by samples (n, d); ``radii`` (m,) are of their k-th neighbours.

    density     real balls that hold a sample, mean over samples, by k (``neighbours``). Above 1 where samples crowd
                into the densest places; a single outlier among the real images counts as one ball, however large
    coverage    share of real balls that hold a sample

    A sample on a ball's surface is outside, as in the public code. Both as in Naeem et al. 2020 (ICML), section 3.2.
    """
    columns = list(blocks) or [torch.arange(len(samples))]
    balls = torch.zeros(len(samples), dtype=torch.float64)
    covered = torch.zeros(1 + (len(columns) if len(columns) > 1 else 0), dtype=torch.float64)
    for start in range(0, len(real), ROWS):
        distances, reach = calc_cdist_part(real[start : start + ROWS], samples), radii[start : start + ROWS]
        balls += (distances < reach[:, None]).sum(dim=0)
        least = [distances[:, block].min(dim=1, keepdim=True).values for block in columns]
        nearest = [torch.cat(some, dim=1).min(dim=1).values for some in _all_and_all_but_one(least)]
        covered += torch.stack([(each < reach).sum() for each in nearest])
    density, *densities = [_mean(balls / neighbours, block) for block in (None, *blocks)]
    coverage, *coverages = (covered / len(real)).tolist()
    return Filling(density, coverage, densities, coverages)


def ball_radii(points: Tensor, neighbours: int) -> Tensor:
    """Each point's (n, d) distance to the nearest other one but ``neighbours`` - 1: (n,)."""
    return _radii_without(points, neighbours, [])[0]


def _radii_without(points: Tensor, neighbours: int, blocks: Sequence[Tensor]) -> list[Tensor]:
    """`ball_radii`, of all points and without each block; -1 for points in it: no distance is as small."""
    # One more than `neighbours`, since each point is its own nearest at distance 0.
    wanted = neighbours + 1
    columns = blocks or [torch.arange(len(points))]
    parts = []
    for rows in points.split(ROWS):
        distances = calc_cdist_part(rows, points)
        nearest = [_least(distances[:, block], min(wanted, len(block))) for block in columns]
        parts.append([_least(torch.cat(some, dim=1), wanted)[:, -1] for some in _all_and_all_but_one(nearest)])
    radii = [torch.cat(rows) for rows in zip(*parts)]
    for radius, block in zip(radii[1:], blocks):
        radius[block] = -1
    return radii[: 1 + len(blocks)]


def _all_and_all_but_one(parts: list[Tensor]) -> list[list[Tensor]]:
    return [parts, *(parts[:k] + parts[k + 1 :] for k in range(len(parts) if len(parts) > 1 else 0))]


def _least(distances: Tensor, count: int) -> Tensor:
    """The ``count`` least of each row, in order."""
    return distances.topk(count, largest=False).values


def _share(inside: Tensor, left_out: Tensor | None) -> float:
    return _mean(inside.float(), left_out)


def _mean(values: Tensor, left_out: Tensor | None) -> float:
    stay = torch.ones(len(values), dtype=torch.bool)
    if left_out is not None:
        stay[left_out] = False
    return values[stay].mean().item()
