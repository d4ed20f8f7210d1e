"""Frechet distance: closed forms, the libraries', singular values that round nothing away, and what it costs."""

import numpy as np
import pytest
import torch
from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

from atbench.metrics.frechet import distances, frechet, frechet_cleanfid
from atbench.metrics.reference import Statistics, feature_statistics
from atbench.metrics.uncertainty import blocks_of


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def features(count, width, decades=0.0, seed=0, shift=0.0):
    """(count, width) of correlated Gaussians whose standard deviations fall by ``decades`` powers of ten."""
    scales = torch.logspace(0, -decades, width)
    mixing = torch.randn(width, width, generator=generator(99)) / width**0.5
    return torch.randn(count, width, generator=generator(seed)) * scales @ mixing + shift


def by_torch_fidelity(first, second):
    pair = [{"mu": each.mu, "sigma": each.sigma} for each in (first, second)]
    return fid_statistics_to_metric(*pair, verbose=False)[KEY_METRIC_FID]


def exactly(first, second):
    """The distance from singular values: tr (S_1 S_2)^(1/2) is the nuclear norm of X Y^T, which squares nothing."""
    x, y = first.double().numpy(), second.double().numpy()
    offset = x.mean(0) - y.mean(0)
    x, y = ((rows - rows.mean(0)) / np.sqrt(len(rows) - 1) for rows in (x, y))
    overlap = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return offset @ offset + np.square(x).sum() + np.square(y).sum() - 2 * overlap


def test_commuting_gaussians_have_the_closed_form():
    a, b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 4.0, 1.0])
    first = Statistics(np.zeros(3), np.diag(a))
    second = Statistics(np.array([1.0, -2.0, 0.5]), np.diag(b))
    expected = 5.25 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    assert frechet(first, second) == pytest.approx(expected, rel=1e-12)
    assert frechet_cleanfid(first, second) == pytest.approx(expected, rel=1e-9)


def test_the_distance_of_rotated_gaussians_does_not_depend_on_the_rotation():
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((6, 6)))
    a, b = np.arange(1.0, 7.0), np.arange(6.0, 0.0, -1.0)
    turned = frechet(Statistics(np.zeros(6), q @ np.diag(a) @ q.T), Statistics(q @ np.ones(6), q @ np.diag(b) @ q.T))
    assert turned == pytest.approx(6 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum(), rel=1e-9)


def test_the_distance_of_samples_is_near_the_populations():
    first = torch.randn(20_000, 4, generator=generator())
    second = 2 * torch.randn(20_000, 4, generator=generator(1)) + 1
    assert distances(first, feature_statistics(second))[0] == pytest.approx(8.0, rel=0.05)  # 4 * (1 + (2 - 1)^2)


@pytest.mark.parametrize("samples", [300, 1000])
@pytest.mark.parametrize("width", [2, 3, 128, 256])
def test_nine_digits_are_those_of_both_libraries_where_covariances_are_regular(samples, width):
    first, second = features(samples, width, shift=0.1), features(800, width, seed=1)
    pair = feature_statistics(first), feature_statistics(second)
    expected = by_torch_fidelity(*pair)
    assert frechet_cleanfid(*pair) == pytest.approx(expected, rel=1e-9)
    assert frechet(*pair) == pytest.approx(expected, rel=1e-9)
    assert distances(first, pair[1])[0] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("decades", [0.0, 2.0, 5.0])
@pytest.mark.parametrize("counts", [(600, 800), (100, 800), (600, 60), (100, 60), (128, 129), (2, 800)])
def test_singular_and_nearly_singular_covariances_keep_ten_digits_or_what_the_libraries_keep(counts, decades):
    first, second = features(counts[0], 128, decades, shift=0.1), features(counts[1], 128, decades, seed=1)
    pair, expected = (feature_statistics(first), feature_statistics(second)), exactly(first, second)
    found = {"ours": distances(first, pair[1])[0], "pair": frechet(*pair), "theirs": by_torch_fidelity(*pair)}
    off = {name: abs(value / expected - 1) for name, value in found.items()}
    # Without a root of the reference, and with few samples in many decades, ours rounds as theirs does.
    assert off["ours"] < (1e-10 if counts[0] > 128 or not decades else 3 * off["theirs"] + 1e-10)
    assert off["theirs"] < 1e-5 and off["pair"] < 3 * off["theirs"] + 1e-10
    assert frechet_cleanfid(*pair) == pytest.approx(expected, rel=1e-4)  # it adds to the diagonal of singular products


@pytest.mark.parametrize("decades", [0.0, 3.0])
@pytest.mark.parametrize(("count", "blocks"), [(600, 8), (600, 2), (139, 10), (100, 10), (100, 50)])
def test_leaving_a_block_out_gives_the_distance_of_the_others(count, blocks, decades):
    samples, real = features(count, 128, decades, shift=50.0), features(800, 128, decades, seed=1)  # far from zero
    left_out = blocks_of(count, blocks)
    _, found = distances(samples, feature_statistics(real), left_out)
    for block, distance in zip(left_out, found, strict=True):
        stay = torch.ones(count, dtype=torch.bool)
        stay[block] = False
        assert distance == pytest.approx(exactly(samples[stay], real), rel=1e-9)


def test_equal_sets_have_no_distance_and_dead_features_none_of_their_own():
    real = features(500, 32)
    assert distances(real, feature_statistics(real))[0] == pytest.approx(0, abs=1e-9)
    samples = features(300, 32, seed=2)
    first, second = (torch.cat([rows, torch.full((len(rows), 5), 3.0)], dim=1) for rows in (samples, real))
    found = distances(first, feature_statistics(second))[0]
    assert found == pytest.approx(exactly(samples, real), rel=1e-10)


def test_collapsed_samples_and_a_collapsed_reference_have_the_distance_of_points():
    real, one = features(400, 16), torch.full((50, 16), 0.5)
    spread = np.trace(feature_statistics(real).sigma)
    offset = np.square(0.5 - real.double().numpy().mean(0)).sum()
    assert distances(one, feature_statistics(real))[0] == pytest.approx(offset + spread, rel=1e-12)
    assert distances(real, feature_statistics(one))[0] == pytest.approx(offset + spread, rel=1e-12)


def test_clean_fid_prints_nothing_of_singular_products(capsys):
    few = feature_statistics(torch.randn(10, 32, generator=generator()).relu())
    many = feature_statistics(torch.randn(500, 32, generator=generator(1)).relu())
    assert frechet_cleanfid(few, many) == pytest.approx(frechet(few, many), rel=1e-4)
    assert capsys.readouterr().out == ""


# What it costs ---------------------------------------------


@pytest.fixture
def problems(monkeypatch):
    """Every call for eigenvalues, as (function, size)."""
    asked = []
    for name in ("eigh", "eigvalsh", "eigvals", "eig", "svd"):
        original = getattr(np.linalg, name)

        def counted(matrix, *rest, name=name, original=original, **more):
            asked.append((name, len(matrix)))
            return original(matrix, *rest, **more)

        monkeypatch.setattr(np.linalg, name, counted)
    return asked


def test_a_cell_asks_for_one_symmetric_eigenproblem_per_block_and_the_reference_for_one_ever(problems):
    real = feature_statistics(features(500, 64))
    for cell in range(3):
        distances(features(300, 64, seed=cell), real, blocks_of(300, 8))
    assert problems == [("eigh", 64)] + [("eigvalsh", 64)] * 9 * 3


def test_fewer_samples_than_features_ask_for_problems_of_their_own_size(problems):
    real = feature_statistics(features(500, 64))
    distances(features(40, 64), real, blocks_of(40, 8))
    assert problems == [("eigvalsh", 40)] + [("eigvalsh", 35)] * 8  # and the reference for none


def test_a_reference_of_few_images_asks_for_problems_of_its_rank(problems):
    distances(features(300, 64), feature_statistics(features(20, 64)), blocks_of(300, 4))
    assert problems == [("eigh", 64)] + [("eigvalsh", 19)] * 5
