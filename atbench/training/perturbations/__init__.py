"""The perturbation delta of the network's input during training, a file each: none, Gaussian, adversarial.

A perturbation is two facts: how delta starts and moves, and whether the target follows it.
"""

from typing import Protocol

from torch import Tensor

from atbench.spec.fields import Entry
from atbench.spec.signatures import find
from atbench.training.draw import Draw


class Perturbation(Protocol):
    """How delta starts and moves on a batch. Its ``kind`` is its name in methods.yaml; its fields are its constants."""

    kind: str
    inner_steps: int  # rounds of the network on one batch
    follow: bool  # whether the target moves with delta
    free: bool  # whether the parameters are updated in every round, or in the last alone

    def start(self, draw: Draw, names: tuple) -> Tensor:
        """delta (N, C, H, W) of the first round; random numbers by ``names``."""
        ...

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        """delta of the next round, from the gradient of the loss in the last one's."""
        ...


def make_perturbation(entry: Entry) -> Perturbation:
    """The perturbation of a method's ``perturbation:`` block, e.g. {kind: gaussian, gamma: 0.1}."""
    options = {key: getattr(entry, key) for key in entry.written() if key != "kind"}
    return find("training/perturbations", "fields", "perturbation.kind", entry.kind)(**options)
