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
from atbench.metrics.frechet import distances
from atbench.metrics.reference import Reference
from benchmarks import inception, ours, peers
from benchmarks.entries import Contest, Row, Setting
from benchmarks.method import Budget


def by_ours(extractor: Extractor, folder: Path, reference: Reference) -> dict[str, float]:
    """Images, features, distance."""
    features = extractor(read_samples(folder)).features
    return {"fd": distances(features, reference.train.statistics)[0]}


def by_clean_fid(network: torch.nn.Module, folder: Path, reference: Reference) -> dict[str, float]:
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
        return {"fd": float(fid.frechet_distance(mu, sigma, real.mu, real.sigma))}


def clean_fid(setting: Setting) -> Contest:
    """128 images; 16 in a quick run. The matrices are 2,048 wide in both."""
    count = 16 if setting.quick else 128
    weights, folder = inception.weights(setting.scratch), ours.pictures(setting.scratch / "png", count)
    extractor = inception.extractor(weights)
    reference = inception.reference(extractor, 2500)
    network = FeatureExtractorInceptionV3("seeded", ["2048"], feature_extractor_weights_path=str(weights))
    return inception.same_numbers(
        partial(by_ours, extractor, folder, reference),
        partial(by_clean_fid, network, folder, reference),
        Budget(1, 1, 0) if setting.quick else Budget(2, 5, 100),
    )


ROWS = (
    Row(
        "clean-fid",
        "128 PNG files of 32 x 32 to FID alone; Inception with seeded weights, statistics of the reference ready",
        "`read_samples`, the extractor, `distances`",
        "clean-fid: `get_folder_features` with the same network, `frechet_distance`",
        clean_fid,
    ),
)
