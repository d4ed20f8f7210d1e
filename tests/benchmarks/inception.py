"""The Inception network of the published FID with seeded weights: its released file cannot be taken along."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from atbench.metrics.extractors import inception_2015, load_extractor
from atbench.metrics.features import Extractor, Features
from atbench.metrics.reference import Reference, build_reference
from atbench.runtime.files import file_hash
from benchmarks import ours
from benchmarks.entries import Contest, Disagreement
from benchmarks.method import Action, Budget

WIDTH, LOGITS = 2048, 1008
CLOSE = 0.01  # relative, of a metric by one side and by the other


class Seeded(FeatureExtractorInceptionV3):
    """The network; layers keep the variance of their input, whatever file it is told to read."""

    def load_state_dict(self, state: Any, *_: Any, **__: Any) -> None:
        """Fill the layers instead."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)


def weights(folder: Path) -> Path:
    """A file of seeded weights in the released form."""
    path = folder / "inception.pth"
    torch.save({}, path)
    torch.manual_seed(0)
    torch.save(Seeded("seeded", ["2048"], feature_extractor_weights_path=str(path)).state_dict(), path)
    return path


def extractor(path: Path) -> Extractor:
    """Our extractor of a file of `weights`, loaded as that of the released one is."""
    inception_2015.RELEASED_NAME = f"seeded-{file_hash(path)[:8]}.pth"  # the hash that it holds the file to
    return load_extractor("inception-2015", path, "cpu")


class MadeUp:
    """In an extractor's place: made-up features of its form, since those of a reference cost minutes."""

    def __init__(self, extractor: Extractor, spatial: int) -> None:
        self.name, self.hash, self.spatial, self.calls = extractor.name, extractor.hash, spatial, 0

    def __call__(self, images: Tensor) -> Features:
        self.calls += 1
        widths = {"features": WIDTH, "logits": LOGITS, "sfid": self.spatial}
        made = {
            name: ours.made_up_features(len(images), width, f"{name} {self.calls}") for name, width in widths.items()
        }
        return Features(made["features"], made["logits"], {"sfid": made["sfid"]})


def reference(extractor: Extractor, count: int, side: int = 32) -> Reference:
    """A reference of made-up features, as many training as held-out images, without its pixels."""
    spatial = extractor(torch.zeros(1, 3, side, side, dtype=torch.uint8)).extra["sfid"].shape[1]
    images = torch.zeros(count, 3, side, side, dtype=torch.uint8)
    return build_reference(images, images, MadeUp(extractor, spatial), "made-up", keep_images=False)


def features(count: int, name: str, spatial: int) -> Features:
    """Made-up features of samples."""
    made = [ours.made_up_features(count, width, f"{name} {width}") for width in (WIDTH, LOGITS, spatial)]
    return Features(made[0], made[1], {"sfid": made[2]})


def same_numbers(own: Action, peer: Action, budget: Budget) -> Contest:
    """A contest of two sides that each come to numbers by name; those that both come to must agree."""
    found: dict[str, Any] = {}

    def kept(side: str, measure: Action) -> Action:
        return lambda: found.update({side: measure()})

    return Contest(
        ours=kept("ours", own),
        peer=kept("peer", peer),
        agreement=lambda: agree(found["ours"], found["peer"]),
        budget=budget,
        warm=False,
    )


def agree(own: Mapping[str, float], peer: Mapping[str, float]) -> str:
    """How far two sets of numbers agree. Raises Disagreement for one that is off by more than CLOSE of the peer's."""
    off = {key: abs(own[key] - peer[key]) / max(abs(peer[key]), 1e-9) for key in peer}
    worst = max(off, key=off.__getitem__)
    if not off[worst] <= CLOSE:
        raise Disagreement(f"{worst} is {own[worst]:g} by ours, {peer[worst]:g} by the peer")
    return f"{', '.join(peer)} differ by at most {off[worst]:.0e} of their size"
