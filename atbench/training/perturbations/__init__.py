"""The perturbation delta of the network's input during training, a file each.

none                plain training
replay              none either, but K updates on a batch: the control of free adversarial training
gaussian            noise (ADM-IP)
adversarial         ascent on the loss inside a ball (ADM-AT), or its controls: a random or the opposite direction
dream               the error of the network's own prediction at the same time
scheduled-sampling  that of its own steps from a noisier time

A perturbation is two facts: how delta starts and moves, and whether the target follows it.
"""

from atbench.spec.fields import Entry
from atbench.spec.signatures import find
from atbench.training.perturbations.base import Perturbation


def make_perturbation(entry: Entry) -> Perturbation:
    """The perturbation of a method's ``perturbation:`` block, e.g. {kind: gaussian, gamma: 0.1}."""
    options = {key: getattr(entry, key) for key in entry.written() if key != "kind"}
    return find("training/perturbations", "fields", "perturbation.kind", entry.kind)(**options)
