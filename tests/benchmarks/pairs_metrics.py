"""Our evaluation against torch-fidelity and clean-fid on the same input: CPU time of ours by the peer's, in turns.

    OMP_NUM_THREADS=1 python tests/benchmarks/pairs_metrics.py [--rounds N] [--images N] [PAIR ...]

Each pair is a class with `ours` and `peer`, which give numbers by name; those that both give are compared first.
"""

import argparse
import contextlib
import io
import os
import statistics
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from cleanfid.fid import frechet_distance
from PIL import Image
from torch import Tensor, nn
from torch_fidelity import calculate_metrics, feature_extractor_inceptionv3
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from atbench.data.samples_file import read_samples
from atbench.metrics.extractors import inception_2015
from atbench.metrics.features import Features
from atbench.metrics.frechet import distances
from atbench.metrics.reference import Reference, Split, Statistics, feature_statistics
from atbench.metrics.score import score_features
from atbench.metrics.scored import RNG_SEED
from atbench.metrics.stream import Scoring
from atbench.metrics.uncertainty import blocks_of
from atbench.runtime.files import file_hash
from atbench.spec.models.scale import MetricOptions

WIDTH, LOGITS, SPATIAL = 2048, 1008, 2023
CLOSE = 1e-3  # relative: features of the two sides differ in their sixth digit, and KID is a small difference
NAMES = {"frechet_inception_distance": "fd", "kernel_inception_distance_mean": "kid", "precision": "precision"}
NAMES |= {"recall": "recall"}  # torch-fidelity's keys -> ours
Numbers = dict[str, float]


def made_up(count: int, shift: float, seed: int) -> Features:
    """Correlated, positive features, as a network's are."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(WIDTH, WIDTH, generator=torch.Generator().manual_seed(0)) / WIDTH**0.5
    rows = torch.randn(count, WIDTH, generator=generator) * torch.logspace(0, -1.5, WIDTH) @ mixing + shift
    spatial = torch.randn(count, SPATIAL, generator=generator).relu()
    return Features(rows.relu(), torch.randn(count, LOGITS, generator=generator), {"sfid": spatial})


def reference_of(train: Features, heldout: Features) -> Reference:
    """New to the process, so that what is found once for each reference is in the time."""
    splits = [
        Split(torch.zeros(0, 3, 32, 32, dtype=torch.uint8), f, feature_statistics(f.features)) for f in (train, heldout)
    ]
    return Reference("made-up", "inception-2015", "0", *splits, {"sfid": feature_statistics(train.extra["sfid"])})


def options(count: int) -> MetricOptions:
    """Those of scale paper, with KID subsets that fit."""
    subset = min(1000, count // 2)
    return MetricOptions(kid_subsets=100, kid_subset_size=subset, is_splits=10, pr_neighbours=3, blocks=10)


def plain(gaussian: Statistics) -> dict[str, np.ndarray]:
    """As torch-fidelity has it."""
    return {"mu": gaussian.mu, "sigma": gaussian.sigma}


class Cell:
    """All numbers of a cell from its features. Ours: with standard errors, inception score, sFID, held-out distance."""

    def __init__(self, count: int, folder: Path):
        self.samples, train, heldout = made_up(count, 0.05, 1), made_up(count, 0.0, 2), made_up(count // 2, 0.0, 3)
        self.reference, self.options = reference_of(train, heldout), options(count)

    def ours(self) -> Numbers:
        return score_features(self.samples, self.reference, self.options)

    def peer(self) -> Numbers:
        """torch-fidelity's FID, KID, precision and recall, once each."""
        own, real, chosen = self.samples.features, self.reference.train.features.features, self.options
        subsets = {"kid_subsets": chosen.kid_subsets, "kid_subset_size": chosen.kid_subset_size, "rng_seed": RNG_SEED}
        gaussians = fid_features_to_statistics(own.double()), plain(self.reference.train.statistics)
        found = fid_statistics_to_metric(*gaussians, verbose=False)
        found |= kid_features_to_metric(own.double(), real.double(), verbose=False, **subsets)
        found |= prc_features_to_metric(own, real, prc_neighborhood=chosen.pr_neighbours, verbose=False)
        return {NAMES[key]: value for key, value in found.items() if key in NAMES}


class Jackknife:
    """A Frechet distance and that without each of ten blocks. Peer: a call of torch-fidelity for each."""

    def __init__(self, count: int, folder: Path):
        self.samples, self.blocks = made_up(count, 0.05, 1).features, blocks_of(count, 10)
        self.real = feature_statistics(made_up(count, 0.0, 2).features)

    def ours(self) -> Numbers:
        whole, leave_outs = distances(self.samples, replace(self.real), self.blocks)
        return dict(enumerate([whole, *leave_outs]))

    def peer(self) -> Numbers:
        sets = [self.samples, *(self.without(block) for block in self.blocks)]
        found = (
            fid_statistics_to_metric(fid_features_to_statistics(x.double()), plain(self.real), False) for x in sets
        )
        return dict(enumerate(each["frechet_inception_distance"] for each in found))

    def without(self, block: Tensor) -> Tensor:
        stay = torch.ones(len(self.samples), dtype=torch.bool)
        stay[block] = False
        return self.samples[stay]


class CleanFid(Jackknife):
    """One Frechet distance from features and a reference's Gaussian. Peer: clean-fid's, by a matrix root."""

    def ours(self) -> Numbers:
        return {"fd": distances(self.samples, replace(self.real))[0]}

    def peer(self) -> Numbers:
        rows = self.samples.double().numpy()
        mu, sigma = rows.mean(0), np.cov(rows, rowvar=False)
        with contextlib.redirect_stdout(io.StringIO()):  # it says when it regularises a product
            return {"fd": float(frechet_distance(mu, sigma, self.real.mu, self.real.sigma))}


class Pictures:
    """A folder of PNG files to all numbers by Inception with seeded weights; features of the reference are there."""

    def __init__(self, count: int, folder: Path):
        self.png, self.cache, self.weights = folder / "png", folder / "cache", seeded_weights(folder / "inception.pth")
        self.png.mkdir()
        self.cache.mkdir()
        for index, image in enumerate(np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)):
            Image.fromarray(image).save(self.png / f"{index:05}.png")
        train = made_up(count, 0.0, 2)
        self.reference, self.options = reference_of(train, made_up(count // 2, 0.0, 3)), options(count)
        torch.save(train.features, self.cache / "reference-inception-v3-compat-features-2048.pt")
        inception_2015.RELEASED_NAME = f"seeded-{file_hash(self.weights)[:8]}.pth"

    def ours(self) -> Numbers:
        extractor = inception_2015.load(self.weights, file_hash(self.weights), torch.device("cpu"))
        scoring = Scoring(extractor, self.reference, self.options)
        scoring.add(read_samples(self.png))
        return scoring.finish()

    def peer(self) -> Numbers:
        """torch-fidelity's front door: FID, KID, precision and recall."""
        found = calculate_metrics(
            input1=str(self.png),
            input2=str(self.png),
            input2_cache_name="reference",
            cache_root=str(self.cache),
            fid=True,
            kid=True,
            prc=True,
            feature_extractor="inception-v3-compat",
            feature_extractor_weights_path=str(self.weights),
            kid_subsets=self.options.kid_subsets,
            kid_subset_size=self.options.kid_subset_size,
            rng_seed=RNG_SEED,
            cuda=False,
            verbose=False,
        )
        return {NAMES[key]: value for key, value in found.items() if key in NAMES}


def seeded_weights(path: Path) -> Path:
    """A file of the released form; layers keep the variance of their input."""
    feature_extractor_inceptionv3.load_state_dict_from_url = lambda *_, **__: {}
    load, FeatureExtractorInceptionV3.load_state_dict = FeatureExtractorInceptionV3.load_state_dict, lambda *_: None
    torch.manual_seed(0)
    network = FeatureExtractorInceptionV3("seeded", ["2048"])
    FeatureExtractorInceptionV3.load_state_dict = load
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
    torch.save(network.state_dict(), path)
    return path


PAIRS = {"cell": Cell, "jackknife": Jackknife, "clean-fid": CleanFid, "pictures": Pictures}


def timed(action) -> tuple[float, Numbers]:
    """CPU seconds, of worker processes too, and the numbers."""
    before = os.times()
    found = action()
    return sum(os.times()[:4]) - sum(before[:4]), found


def compare(name: str, count: int, rounds: int, folder: Path) -> None:
    """Print the ratios of one pair. Raises AssertionError where the numbers differ."""
    seconds = {"ours": [], "peer": []}
    for _ in range(rounds):
        pair = PAIRS[name](count, Path(tempfile.mkdtemp(dir=folder)))
        numbers = {}
        for side, times in seconds.items():
            spent, numbers[side] = timed(getattr(pair, side))
            times.append(spent)
        for key, expected in numbers["peer"].items():
            np.testing.assert_allclose(numbers["ours"][key], expected, rtol=CLOSE, err_msg=f"{name}: {key}")
    ratios = [own / peer for own, peer in zip(*seconds.values(), strict=True)]
    medians = {side: round(statistics.median(times), 2) for side, times in seconds.items()}
    print(f"{name:10s} {count} images: CPU seconds {medians}, ratio {statistics.median(ratios):.3f} of", ratios)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="*", default=[*PAIRS], choices=[*PAIRS, []], metavar="PAIR")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--images", type=int, default=2500)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for name in given.pairs:
            compare(name, given.images, given.rounds, Path(folder))


if __name__ == "__main__":
    main()
