"""FID alone, of a folder of PNG files, against statistics of a reference that both have ready."""

import contextlib
import io
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from atbench.data.samples_file import read_samples
from atbench.metrics.features import Extractor
from atbench.metrics.frechet import frechet
from atbench.metrics.reference import Reference, feature_statistics
from benchmarks import inception, ours, peers
from benchmarks.entries import Contest, Row, Setting
from benchmarks.method import Budget


def by_ours(extractor: Extractor, folder: Path, reference: Reference, found: dict[str, float]) -> None:
    """Images, features, statistics, distance."""
    features = extractor(read_samples(folder)).features
    found["fd"] = frechet(feature_statistics(features), reference.train.statistics)


def by_clean_fid(network: torch.nn.Module, folder: Path, reference: Reference, found: dict[str, float]) -> None:
    """The same by its functions, in the mode in which the network resizes; without worker processes."""
    fid, real = peers.package("cleanfid.fid"), reference.train.statistics
    features = fid.get_folder_features(
        str(folder),
        lambda images: network(images.to(torch.uint8))[0],
        num_workers=0,
        device=torch.device("cpu"),
        mode="legacy_tensorflow",
        verbose=False,
    )
    with contextlib.redirect_stdout(io.StringIO()):  # it says when it regularises a product
        mu, sigma = np.mean(features, axis=0), np.cov(features, rowvar=False)
        found["fd"] = float(fid.frechet_distance(mu, sigma, real.mu, real.sigma))


def clean_fid(setting: Setting) -> Contest:
    """128 images; 16 in a quick run. The matrices are 2,048 wide in both."""
    count = 16 if setting.quick else 128
    weights, folder = inception.weights(setting.scratch), ours.pictures(setting.scratch / "png", count)
    extractor = inception.extractor(weights)
    reference = inception.reference(extractor, 2500)
    network = FeatureExtractorInceptionV3("seeded", ["2048"], feature_extractor_weights_path=str(weights))
    found: tuple[dict[str, float], dict[str, float]] = {}, {}
    return Contest(
        ours=partial(by_ours, extractor, folder, reference, found[0]),
        peer=partial(by_clean_fid, network, folder, reference, found[1]),
        agreement=lambda: inception.agree(*found),
        budget=Budget(1, 1, 0) if setting.quick else Budget(2, 5, 100),
        warm=False,
    )


ROWS = (
    Row(
        "clean-fid",
        "128 PNG files of 32 x 32 to FID alone; Inception with seeded weights, statistics of the reference ready",
        "`read_samples`, the extractor, `feature_statistics`, `frechet`",
        "clean-fid: `get_folder_features` with the same network, `frechet_distance`",
        clean_fid,
    ),
)
