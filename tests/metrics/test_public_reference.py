"""Reference statistics of others: moments, batches of images, both; and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from atbench.metrics import public_reference
from atbench.metrics.features import Extractor
from atbench.metrics.frechet import frechet
from atbench.metrics.manifold import ball_radii, overlap
from atbench.metrics.reference import feature_statistics
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.load import load
from atbench.tasks.score import check_own_names

SHAPE, WIDTH = (1, 8, 8), 128


class Projected(torch.nn.Module):
    """128 features: fixed random projections of the pixels."""

    def forward(self, images):
        matrix = torch.randn(64, WIDTH, generator=torch.Generator().manual_seed(0))
        features = images.flatten(1).float() @ matrix
        return features, features[:, :10]


EXTRACTOR = Extractor("digits-cnn", "0" * 64, Projected(), 1, 8, 16, torch.device("cpu"))


def images(count, seed):
    return torch.randint(256, (count, *SHAPE), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def read(path, most=1000):
    return public_reference.read(path, EXTRACTOR, SHAPE, most)


@pytest.fixture
def moments(tmp_path):
    found = feature_statistics(EXTRACTOR(images(300, 1)).features)
    np.savez(tmp_path / "stats.npz", mu=found.mu, sigma=found.sigma)
    return tmp_path / "stats.npz"


def test_moments_give_the_frechet_distance_and_nothing_else(moments):
    found, samples = read(moments), EXTRACTOR(images(200, 2))
    with np.load(moments) as file:
        assert np.array_equal(found.statistics.mu, file["mu"]) and found.images is None
    expected = frechet(feature_statistics(samples.features), feature_statistics(EXTRACTOR(images(300, 1)).features))
    assert found.measure(samples, 3) == {"fd": pytest.approx(expected, rel=1e-9)}
    assert found.hash == file_hash(moments)


def test_a_batch_of_images_gives_precision_and_recall_as_well(tmp_path):
    real, samples = images(150, 1), EXTRACTOR(images(100, 2))
    np.savez(tmp_path / "batch.npz", arr_0=real.permute(0, 2, 3, 1).numpy(), arr_1=np.zeros(150))
    found, features = read(tmp_path / "batch.npz").measure(samples, 3), EXTRACTOR(real).features
    both = overlap(samples.features, features, ball_radii(features, 3), 3, [])
    distance = frechet(feature_statistics(samples.features), feature_statistics(features))
    assert found == {"fd": pytest.approx(distance, rel=1e-6), "precision": both.precision, "recall": both.recall}


def test_stated_moments_go_before_those_of_the_images_which_may_be_a_part(moments, tmp_path):
    with np.load(moments) as file:
        both = {"mu": file["mu"], "sigma": file["sigma"], "mu_s": np.zeros(3)}
    np.savez(tmp_path / "virtual.npz", arr_0=images(40, 5).permute(0, 2, 3, 1).numpy(), **both)
    found = read(tmp_path / "virtual.npz")
    assert np.array_equal(found.statistics.mu, both["mu"]) and len(found.images) == 40


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"mu": np.zeros(2048), "sigma": np.eye(2048)}, r"key mu: float64 \(2048,\), allowed: floats \(128,\)"),
        ({"mu": np.zeros(128)}, "key sigma is missing"),
        ({"mu": np.zeros(128), "sigma": np.eye(127)}, "key sigma"),
        ({"mu": np.zeros(128, int), "sigma": np.eye(128)}, "key mu: int64"),
        ({"mu": np.zeros(128), "sigma": np.triu(np.ones((128, 128)))}, "key sigma: no covariance"),
        ({"mu": np.full(128, np.nan), "sigma": np.eye(128)}, "no covariance of finite numbers"),
        ({"features": np.zeros(3)}, "holds neither mu and sigma nor arr_0, found: features"),
        ({"arr_0": np.zeros((9, 16, 16, 1), np.uint8)}, r"images of shape \(16, 16, 1\), allowed"),
        ({"arr_0": np.zeros((2000, 8, 8, 1), np.uint8)}, "at most 1,000 are read"),
    ],
)
def test_what_it_cannot_be_is_one_line_with_file_and_key(arrays, words, tmp_path):
    path = tmp_path / "bad.npz"
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=rf"bad\.npz: .*{words}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_file_is_named(moments):
    with pytest.raises(UserError, match=r"none\.npz"):
        read(Path("none.npz"))
    moments.write_bytes(moments.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"stats\.npz: not readable reference statistics"):
        read(moments)


@pytest.mark.parametrize("name", ["cifar10", "imagenet64", "digits"])
def test_no_file_bears_the_name_of_images_that_are_checked(name):
    with pytest.raises(UserError, match=rf"--against {name}=x\.npz: the name {name} promises images"):
        check_own_names(load("ci").suite("scratch"), {name: Path("x.npz")})
    check_own_names(load("ci").suite("scratch"), {f"edm-{name}": Path("x.npz")})
