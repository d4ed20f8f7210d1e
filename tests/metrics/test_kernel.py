"""KID equals torch-fidelity's, subset by subset, whichever way its sums are taken."""

import pytest
import torch
from torch_fidelity.metric_kid import KEY_METRIC_KID_MEAN, KEY_METRIC_KID_STD, kid_features_to_metric

from atbench.metrics import kernel
from atbench.metrics.kernel import kernel_distances


def rows(count, width, seed, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(count, width, generator=generator) + shift).relu()


def by_torch_fidelity(samples, real, subsets, size, seed):
    found = kid_features_to_metric(
        samples.double(), real.double(), kid_subsets=subsets, kid_subset_size=size, rng_seed=seed, verbose=False
    )
    return found[KEY_METRIC_KID_MEAN], found[KEY_METRIC_KID_STD]


SIZES = [  # samples, real images, features, subsets, rows of a subset
    (200, 300, 16, 20, 50),  # every kernel matrix is smaller than the subsets' together
    (300, 200, 1, 30, 200),
    (200, 3000, 16, 6, 100),  # of the samples alone it is
    (1000, 900, 40, 2, 60),  # none is
    (64, 64, 128, 5, 64),
    (2, 2, 3, 1, 2),
]


@pytest.mark.parametrize("rows_held", [4096, 77])
@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize(("samples", "real", "width", "subsets", "size"), SIZES)
def test_mean_and_spread_are_torch_fidelitys(samples, real, width, subsets, size, shift, rows_held, monkeypatch):
    monkeypatch.setattr(kernel, "ROWS", rows_held)
    first, second = rows(samples, width, 0, shift), rows(real, width, 1)
    found = kernel_distances(first, second, subsets, size, 2020)
    mean, spread = by_torch_fidelity(first, second, subsets, size, 2020)
    # KID is a difference of means of the kernel, which are above 1: nine digits of these.
    assert len(found) == subsets
    assert found.mean() == pytest.approx(mean, rel=1e-9, abs=1e-12) and found.std() == pytest.approx(spread, abs=1e-12)


def test_subsets_follow_the_seed():
    first, second = rows(100, 8, 0), rows(100, 8, 1)
    draws = [kernel_distances(first, second, 4, 20, seed) for seed in (0, 0, 1)]
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).all()


def test_it_is_near_zero_for_one_law_and_grows_with_the_shift():
    x, y = (torch.randn(512, 16, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    kid = [kernel_distances(x + shift, y, 20, 256, 0).mean() for shift in (0.0, 0.5, 1.0)]
    assert abs(kid[0]) < 0.05 < kid[1] < kid[2]


@pytest.mark.parametrize(
    ("count", "subsets", "size", "matrices"),
    [(100, 20, 50, [(100, 100)] * 3), (100, 2, 50, [(50, 50)] * 6), (60, 1, 60, [(60, 60)] * 3)],
)
def test_each_pair_is_multiplied_once_where_subsets_share_pairs(count, subsets, size, matrices, monkeypatch):
    seen, original = [], kernel._kernel

    def counted(first, second):
        seen.append((len(first), len(second)))
        return original(first, second)

    monkeypatch.setattr(kernel, "_kernel", counted)
    kernel_distances(rows(count, 8, 0), rows(count, 8, 1), subsets, size, 0)
    assert seen == matrices
