"""Density, coverage, FD-infinity and MMD: equal to what public code computes, and measured only where asked."""

import dataclasses

import numpy as np
import pytest
import torch

from atbench.metrics.cell import density_coverage, gaussian_mmd, infinite_samples, precision_recall
from atbench.metrics.features import Features
from atbench.metrics.frechet import distances, extrapolated
from atbench.metrics.manifold import ball_radii, filling
from atbench.metrics.reference import Reference, Split, feature_statistics
from atbench.metrics.scored import Scored
from atbench.metrics.uncertainty import blocks_of
from atbench.spec.load import load
from atbench.spec.metrics import METRICS, tabulated
from atbench.spec.models.evaluation import MetricOptions
from atbench.spec.score_options import largest

WRITTEN = {"kid_subsets": 4, "kid_subset_size": 32, "is_splits": 2, "pr_neighbours": 3, "blocks": 4}
NEW = ("density", "coverage", "fd_infinity", "fd_heldout_infinity", "mmd")


def rows(count, width=4, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def split(features):
    return Split(torch.zeros(0, 1, 8, 8), Features(features, features), feature_statistics(features))


def scored(samples, real, **options):
    found = Reference("made-up", "made-up", "0" * 64, split(real), split(real[: len(real) // 2]))
    chosen = MetricOptions.model_validate(WRITTEN | options)
    return Scored(Features(samples, samples), found, chosen, blocks_of(len(samples), chosen.blocks))


def by_definition(samples, real, neighbours):
    """Density and coverage in float64 from every pair, as clovaai/generative-evaluation-prdc defines them."""
    samples, real = samples.double(), real.double()
    among = (real[:, None] - real).square().sum(2).sqrt()
    radii = among.sort(dim=1).values[:, neighbours]  # column 0 is the image itself
    inside = (real[:, None] - samples).square().sum(2).sqrt() < radii[:, None]
    return inside.sum().item() / (neighbours * len(samples)), inside.any(dim=1).double().mean().item()


@pytest.mark.parametrize("counts", [(200, 300), (300, 120), (40, 40)])
@pytest.mark.parametrize(("neighbours", "blocks", "shift"), [(5, 4, 0.0), (1, 10, 0.7), (3, 2, 2.0)])
def test_density_and_coverage_of_all_and_of_all_but_a_block_are_those_of_their_definition(
    counts, neighbours, blocks, shift
):
    samples, real = rows(counts[0]) + shift, rows(counts[1], seed=1)
    left_out = blocks_of(counts[0], blocks)
    found = filling(samples, real, ball_radii(real, neighbours), neighbours, left_out)
    assert (found.density, found.coverage) == pytest.approx(by_definition(samples, real, neighbours), abs=1e-9)
    for block, density, coverage in zip(left_out, found.densities, found.coverages, strict=True):
        stay = torch.ones(len(samples), dtype=torch.bool)
        stay[block] = False
        assert (density, coverage) == pytest.approx(by_definition(samples[stay], real, neighbours), abs=1e-9)


@pytest.mark.slow
def test_they_are_those_of_the_public_example():
    """clovaai/generative-evaluation-prdc:README.md: 10,000 Gaussians of 1,000 dimensions, k = 5; "may fluctuate"."""
    samples, real = rows(10_000, 1000), rows(10_000, 1000, seed=1)
    found = filling(samples, real, ball_radii(real, 5), 5, [])
    assert found.density == pytest.approx(1.0555, abs=0.1) and found.coverage == pytest.approx(0.9735, abs=0.01)


def test_an_outlier_among_the_real_images_raises_precision_to_one_and_not_density():
    """The case that the metric is made for: one ball around an outlier holds all samples."""
    real = torch.cat([rows(200), torch.full((1, 4), 30.0)])
    samples = rows(200, seed=2) + 8
    found = precision_recall.measure(scored(samples, real)) | density_coverage.measure(
        scored(samples, real, density_neighbours=3)
    )
    assert found["precision"] == 1 and found["density"] < 0.4 and found["coverage"] < 0.01


def test_fd_infinity_takes_the_bias_of_few_samples_off():
    """Samples of the reference's own law: their distance falls as 1 / n, to zero but for the reference's own chance."""
    real, width = rows(40_000, 16, seed=1), 16
    statistics = feature_statistics(real)
    draws = [rows(800, width, seed) for seed in range(10, 30)]
    plain = np.mean([distances(draw, statistics)[0] for draw in draws])
    infinite = np.mean([extrapolated(draw, statistics, 15, 80) for draw in draws])
    assert plain > 0.1 and abs(infinite) < 0.1 * plain


def test_fd_infinity_is_the_intercept_of_a_line_in_one_over_n_and_the_same_each_time():
    samples, statistics = rows(300, 4) + 0.5, feature_statistics(rows(500, 4, seed=1))
    assert extrapolated(samples, statistics, 6, 50) == extrapolated(samples, statistics, 6, 50)
    found = infinite_samples.measure(scored(samples, rows(500, seed=1), extrapolation={"points": 6, "least": 50}))
    assert found["fd_infinity"] == extrapolated(samples, statistics, 6, 50)
    few = scored(samples, rows(500, seed=1), extrapolation={"points": 6, "least": 300})
    assert infinite_samples.measure(few) == {}  # held-out images may be fewer than the least of the points


def gram(first, second, width):
    return torch.exp((first[:, None] - second).square().sum(2) / (-2 * width**2))


def test_mmd_is_the_unbiased_estimate_and_the_public_one_but_for_its_diagonals():
    samples, real = rows(90).double() + 0.4, rows(140, seed=1).double()
    among = (real[:, None] - real).square().sum(2)
    width = 0.5 * (among.sum() / (140 * 139)).sqrt().item()
    x, y, xy = gram(samples, samples, width), gram(real, real, width), gram(samples, real, width)
    unbiased = (x.sum() - 90) / (90 * 89) + (y.sum() - 140) / (140 * 139) - 2 * xy.mean()
    found = gaussian_mmd.measure(scored(samples.float(), real.float(), mmd_bandwidth=0.5))["mmd"]
    assert found == pytest.approx(1000 * unbiased.item(), rel=1e-5)
    # google-research/google-research:cmmd/distance.py averages over all pairs, an image with itself among them.
    public = 1000 * (x.mean() + y.mean() - 2 * xy.mean()).item()
    within = (x.sum() - 90).item() / (90 * 89), (y.sum() - 140).item() / (140 * 139)
    assert public - found == pytest.approx(1000 * ((1 - within[0]) / 90 + (1 - within[1]) / 140), rel=1e-4)


def test_mmd_may_take_a_draw_of_the_real_images_as_manifolds_do():
    real, samples = rows(400, seed=1), rows(100, seed=2)
    split = scored(samples, real).reference.train
    drawn, _ = split.manifold(3, 150)
    whole = scored(samples, drawn, mmd_bandwidth=1.0).reference.train
    same_width = split.statistics.sigma.trace() / whole.statistics.sigma.trace()
    found = gaussian_mmd.measure(scored(samples, real, mmd_bandwidth=1.0, manifold_reference=150))["mmd"]
    expected = gaussian_mmd.measure(scored(samples, drawn, mmd_bandwidth=float(same_width**0.5)))["mmd"]
    assert found == pytest.approx(expected, rel=1e-9)
    assert found != gaussian_mmd.measure(scored(samples, real, mmd_bandwidth=1.0))["mmd"]


def test_mmd_of_one_law_is_zero_on_average_and_grows_with_the_shift():
    real = rows(400, seed=1)
    found = [
        gaussian_mmd.measure(scored(rows(200, seed=seed), real, mmd_bandwidth=1.0))["mmd"] for seed in range(2, 42)
    ]
    error = np.std(found, ddof=1) / len(found) ** 0.5
    assert abs(np.mean(found)) < 4 * error and min(found) < 0
    shifted = [
        gaussian_mmd.measure(scored(rows(200, seed=2) + by, real, mmd_bandwidth=1.0))["mmd"] for by in (0.2, 0.4)
    ]
    assert max(found) < shifted[0] < shifted[1]


def test_precision_and_recall_may_be_taken_against_a_named_draw_of_the_real_images():
    samples, real = rows(100), rows(400, seed=1)
    whole = scored(samples, real)
    assert precision_recall.measure(scored(samples, real, manifold_reference=400)) == precision_recall.measure(whole)
    capped = scored(samples, real, manifold_reference=50)
    points, radii = capped.reference.train.manifold(3, 50)
    kept = [row.tolist() for row in points]
    assert len(kept) == len({*map(tuple, kept)}) == 50 and {*map(tuple, kept)} < {*map(tuple, real.tolist())}
    assert torch.equal(radii, ball_radii(points, 3)) and torch.equal(points, split(real).manifold(3, 50)[0])
    assert precision_recall.measure(capped)["precision"] != precision_recall.measure(whole)["precision"]


def test_they_stand_in_cells_and_tables_only_where_a_scale_asks_for_them():
    samples, real = rows(100), rows(120, seed=1)
    for module in (density_coverage, infinite_samples, gaussian_mmd):
        assert module.measure(scored(samples, real)) == {}
    suite = load("laptop").suite("scratch")
    assert not {*NEW} & {*tabulated(suite)} and all(METRICS[name].rare for name in NEW)
    asked = {"density_neighbours": 5, "extrapolation": {"points": 5, "least": 200}, "mmd_bandwidth": 1.0}
    options = MetricOptions.model_validate(suite.evaluation.metrics.written() | asked)
    evaluation = suite.evaluation.model_copy(update={"metrics": options})
    assert {*NEW} <= {*tabulated(dataclasses.replace(suite, evaluation=evaluation))}


def test_options_that_are_too_large_are_known_and_absent_ones_ask_for_nothing():
    asked = MetricOptions.model_validate(WRITTEN | {"density_neighbours": 5, "manifold_reference": 60})
    assert (
        largest(asked, 100, 200)["density_neighbours"] == 59 and largest(asked, 100, 200)["manifold_reference"] == 200
    )
    assert {*largest(MetricOptions.model_validate(WRITTEN), 100, 200)} == {
        "kid_subset_size",
        "is_splits",
        "blocks",
        "pr_neighbours",
    }
