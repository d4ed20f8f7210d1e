"""The contract of a metric: what records, tables and verdicts rely on."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from atbench.contracts.finding import Broken, Check, Skipped, identities
from atbench.metrics.features import Features
from atbench.metrics.memorisation import nearest_distances
from atbench.metrics.reference import Reference, Split, feature_statistics
from atbench.metrics.score import collected, measured
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import blocks_of
from atbench.rng import gaussian, generator
from atbench.runtime.errors import UserError
from atbench.spec.metrics import Measuring
from atbench.spec.models.metric_options import Extrapolation, MetricOptions

TRAIN, HELDOUT, SAMPLES, WIDTH, CLASSES = 192, 64, 128, 8, 4
OPTIONS = MetricOptions(
    kid_subsets=4,
    kid_subset_size=32,
    is_splits=2,
    pr_neighbours=3,
    blocks=4,
    density_neighbours=5,
    extrapolation=Extrapolation(points=4, least=32),
    mmd_bandwidth=1.0,
)
CLOSE = 1e-3  # relative; sums in another order


class Contract:
    """A metric, tried on made-up features: samples like the training images, and others far from them."""

    def __init__(self, found: Measuring, given: Mapping[str, Any]):
        if given:
            raise UserError(f"--option {next(iter(given))}: metrics have no options")
        self.found = found

    def checks(self) -> dict[str, Check]:
        """Name -> check."""
        return {
            "values": self.values,
            "determinism": self.determinism,
            "order": self.order,
            "direction": self.direction,
            "identity": lambda: identities(self.found.load()),
        }

    def of(self, shift: float = 0.0, order: Tensor | None = None) -> dict[str, float]:
        """Its numbers of samples that lie ``shift`` away from the training images, in an order."""
        images, features = made_up("samples", SAMPLES, shift)
        if order is not None:
            images, features = images[order], features[order]
        real_images = reference()
        real = real_images.train.images, real_images.heldout.images
        blocks = blocks_of(SAMPLES, OPTIONS.blocks)
        scored = Scored(features, real_images, OPTIONS, blocks, nearest_distances(images, *real))
        return measured(self.found, scored, collected([self.found], images))

    def values(self) -> str:
        """Finite numbers under declared names, within their ranges."""
        for shift in (0.0, 3.0):
            found = self.of(shift)
            for each in self.found.metrics:
                if each.name in found and not each.low <= found[each.name] <= each.high:
                    raise Broken(f"{each.name} = {found[each.name]:g}, declared: {each.low:g} to {each.high:g}")
        if not found:
            raise Skipped("gives nothing for features without captions and classes")
        return ", ".join(f"{name} = {value:.3g}" for name, value in self.of().items())

    def determinism(self) -> str:
        """The same numbers a second time, and nothing drawn from the global generator."""
        before = torch.get_rng_state()
        first, second = self.of(), self.of()
        if not torch.equal(before, torch.get_rng_state()):
            raise Broken("draws from the global generator: use atbench.rng, or a generator with a seed")
        if first != second:
            raise Broken(f"two measurements of the same images differ: {first} and {second}")
        return "equal to the bit"

    def order(self) -> str:
        """Images in another order have the same number; a spread over parts of them need not."""
        shuffled = torch.randperm(SAMPLES, generator=generator("contract", "order"))
        ours, theirs = self.of(), self.of(order=shuffled)
        for each in self.found.metrics:
            if each.is_spread or each.name not in ours:
                continue
            if not math.isclose(ours[each.name], theirs[each.name], rel_tol=CLOSE, abs_tol=CLOSE):
                raise Broken(f"{each.name} = {ours[each.name]:.4g}, in another order {theirs[each.name]:.4g}")
        return "does not depend on the order of the images"

    def direction(self) -> str:
        """Samples far from the training images are worse, as `better` says."""
        near, far = self.of(), self.of(3.0)
        judged = [each for each in self.found.metrics if not each.is_spread and each.name in near]
        for each in judged:
            if not each.loss(far[each.name]) > each.loss(near[each.name]):
                numbers = f"{near[each.name]:.3g} near the training images, {far[each.name]:.3g} far from them"
                raise Broken(f"{each.name} is {numbers}, but `better` is {each.better!r}")
        if not judged:
            raise Skipped("declares spreads alone")
        return "samples far from the training images are worse"


def made_up(name: str, count: int, shift: float = 0.0) -> tuple[Tensor, Features]:
    """Images (count, 1, 8, 8) uint8 and features of them, made up."""
    features = gaussian((count, WIDTH), "contract", name) + shift
    logits = features[:, :CLASSES]
    images = (gaussian((count, 1, 8, 8), "contract", name, "images") * 40 + 128 + 40 * shift).clamp(0, 255)
    return images.to(torch.uint8), Features(features, logits)


def reference() -> Reference:
    splits = []
    for name, count in (("train", TRAIN), ("heldout", HELDOUT)):
        images, features = made_up(name, count)
        splits.append(Split(images, features, feature_statistics(features.features)))
    return Reference("made-up", "made-up", "0" * 64, *splits)
