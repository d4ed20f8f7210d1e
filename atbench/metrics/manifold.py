"""Delete-one-block values of precision and recall, for their standard errors.

The reported values themselves come whole from torch-fidelity. Calling it once more per block would compute
every distance b + 1 times; here each distance is computed once (by torch-fidelity) and only the neighbour
search is repeated.
"""

import torch
from torch import Tensor
from torch_fidelity.metric_prc import calc_cdist_part

ROWS = 2048  # rows of a distance matrix held at once, a bound on memory only


def precision_leave_outs(samples: Tensor, reference: Tensor, neighbours: int, kept: list[Tensor]) -> list[float]:
    """Share of the kept samples (n, d) inside a real image's ball, once per index set of `kept`.

    Kynkaanniemi et al. 2019, eq. 3: the ball reaches to the `neighbours`-th nearest other real image. Real
    balls do not depend on the samples, so each sample is in or out once and for all.
    """
    radii = _ball_radii(reference, neighbours, [torch.arange(len(reference))])[0]
    inside = torch.cat([(calc_cdist_part(rows, reference) <= radii).any(dim=1) for rows in samples.split(ROWS)])
    return [inside[index].float().mean().item() for index in kept]


def recall_leave_outs(samples: Tensor, reference: Tensor, neighbours: int, kept: list[Tensor]) -> list[float]:
    """Share of real images (m, d) inside a kept sample's ball, per index set of `kept` (eq. 4).

    Without some samples there are fewer balls, but the remaining ones grow.
    """
    radii = _ball_radii(samples, neighbours, kept)
    hits = torch.zeros(len(kept))
    for rows in reference.split(ROWS):
        distances = calc_cdist_part(rows, samples)
        # A radius of -1 lets no distance through: the column is removed without copying the matrix.
        hits += torch.stack([(distances <= radius).any(dim=1).sum() for radius in radii])
    return (hits / len(reference)).tolist()


def _ball_radii(points: Tensor, neighbours: int, kept: list[Tensor]) -> list[Tensor]:
    """Per index set: kept points' distance to the `neighbours`-th nearest other kept one; -1 elsewhere."""
    radii = [torch.full((len(points),), -1.0) for _ in kept]
    for start in range(0, len(points), ROWS):
        distances = calc_cdist_part(points[start : start + ROWS], points)
        for radius, index in zip(radii, kept):
            # One more than `neighbours`, since each kept point is its own nearest at distance 0.
            nearest = distances[:, index].topk(neighbours + 1, largest=False).values[:, -1]
            own = index[(index >= start) & (index < start + ROWS)]
            radius[own] = nearest[own - start]
    return radii
