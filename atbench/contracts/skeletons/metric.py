"""Metric `example_metric`: say here what it is and where it comes from."""

import torch
from torch import Tensor

from atbench.metrics.scored import Scored
from atbench.spec.metric import Metric

# Name, label, which is better (lower, higher, towards one), least and greatest value; `has_table`: a table of its own.
METRICS = (Metric("example_metric", "gap of mean features", "lower", 0, has_table=True),)


def measure(scored: Scored) -> dict[str, float]:
    """Distance of the mean features of samples and training images.

    `scored.features.features` (n, d) are those of the samples, `scored.reference.train` and `.heldout` the real images
    with theirs. A metric of the images themselves writes a function ``collect(images) -> rows`` of uint8 images
    (n, C, H, W), and finds the rows of all samples as `scored.collected`.
    """
    return {"example_metric": gap(scored.features.features, scored.reference.train.features.features).item()}


def gap(ours: Tensor, theirs: Tensor) -> Tensor:
    """Distance of means, float64."""
    return torch.linalg.vector_norm(ours.double().mean(0) - theirs.double().mean(0))


def identities() -> dict[str, tuple[Tensor, Tensor]]:
    """What must hold exactly, for `atbench check`: name -> two float64 tensors."""
    features = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
    return {"no gap to itself": (gap(features, features), torch.zeros((), dtype=torch.float64))}
