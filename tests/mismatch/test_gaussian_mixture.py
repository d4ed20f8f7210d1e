"""The closed-form check on a Gaussian mixture: densities, steps and bounds against what is known of them."""

import numpy as np
import pytest

from atbench.diffusion.respacing import even_timesteps, respaced
from atbench.diffusion.schedule import cosine_schedule
from atbench.mismatch import robust_fit
from atbench.mismatch.gaussian_mixture import CELL, GRID, Mixture, divergence, reverse_steps
from atbench.mismatch.robust_fit import Chain, features, measure
from atbench.spec.load import load
from atbench.spec.probes import probes

PROCESS = respaced(cosine_schedule(), even_timesteps(6, 1000))
BLOCK = probes()["mixture"].settings(load("ci")).mixture.written()
MIXTURE = Mixture(**BLOCK)
SETTINGS = {"nfe": 6, "bumps": (2, 8), "radii": {"kl": (0.005, 0.5), "state": (0.1,)}}


@pytest.fixture(scope="module")
def steps():
    return list(reverse_steps(MIXTURE, PROCESS))


@pytest.fixture(scope="module")
def rows():
    return measure(MIXTURE, **SETTINGS)


def test_density_has_mass_one_and_its_score_is_its_slope():
    for alpha, sigma in ((0.99, 0.14), (0.5, 0.75**0.5), (0.0, 1.0)):
        log_density = MIXTURE.log_density(GRID, alpha, sigma)
        assert np.exp(log_density).sum() * CELL == pytest.approx(1, abs=1e-11)  # the tails beyond the grid
        h = 1e-5
        slope = (MIXTURE.log_density(GRID + h, alpha, sigma) - MIXTURE.log_density(GRID - h, alpha, sigma)) / (2 * h)
        near = np.abs(GRID) < 2
        assert MIXTURE.score(GRID, alpha, sigma)[near] == pytest.approx(slope[near], rel=1e-5, abs=1e-5)


def test_divergence_of_two_gaussians():
    def gaussian(mean, variance):
        return -((GRID - mean) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2

    expected = (0.25 / 0.5 - 1 + 0.3**2 / 0.5 + np.log(0.5 / 0.25)) / 2
    assert divergence(gaussian(0.3, 0.25), gaussian(0.0, 0.5)) == pytest.approx(expected, abs=1e-12)


def test_reverse_steps_agree_with_the_score(steps):
    """The mean of q(x_s | x_t) is that of q(x_s | x0, x_t) at Tweedie's E[x0 | x_t] = (x_t + sigma^2 score) / alpha."""
    alpha, sigma = (table.numpy() for table in (PROCESS.schedule.alpha_t, PROCESS.schedule.sigma_t))
    betas = PROCESS.schedule.betas.numpy()
    assert [(step.t, step.s) for step in steps] == [(999, 799), (799, 599), (599, 400), (400, 200), (200, 0)]
    for here, step in zip(reversed(range(1, 6)), steps):
        x0 = (GRID + sigma[here] ** 2 * MIXTURE.score(GRID, alpha[here], sigma[here])) / alpha[here]
        of_x0 = betas[here] * alpha[here - 1] / sigma[here] ** 2
        of_x_t = sigma[here - 1] ** 2 * (1 - betas[here]) ** 0.5 / sigma[here] ** 2
        bulk = step.q > 1e-9
        assert step.mean[bulk] == pytest.approx((of_x0 * x0 + of_x_t * GRID)[bulk], abs=1e-6)
        # The quadrature over (x0, eps) sees the same law: E x_s through either.
        y, posterior, share = step.nodes
        assert share.sum() == pytest.approx(1) and step.slope == pytest.approx(of_x_t)
        assert share @ posterior == pytest.approx(step.q @ step.mean, abs=1e-9)
        assert share @ (posterior * y) == pytest.approx(step.q @ (step.mean * GRID), abs=1e-9)


def test_loss_of_a_step_is_never_negative_and_zero_for_a_single_gaussian(steps):
    for step in steps:
        assert step.losses(step.mean)[step.q > 1e-9].min() > -1e-6
    single = Mixture([1.0], [0.2], [0.3])
    for step in reverse_steps(single, PROCESS):
        assert step.q @ step.losses(step.mean) == pytest.approx(0, abs=1e-9)


def test_exact_steps_on_a_single_gaussian_sample_it_exactly():
    """Where the reverse steps are Gaussian and linear, plain fits hold them: p is q, but for the law of x_T."""
    found = measure(Mixture([1.0], [0.2], [0.3]), **SETTINGS | {"radii": {}})
    assert len(found) == 2 * 5
    for row in found:
        assert row["kl_pq"] == pytest.approx(0, abs=1e-7) and row["bound"] - row["nll"] == pytest.approx(0, abs=1e-7)


def test_the_bound_holds_at_every_step_of_every_objective(rows):
    assert len(rows) == 2 * (1 + 2 + 1) * 5
    gaps = [row["bound"] - row["nll"] for row in rows]
    assert min(gaps) > -1e-9 and max(gaps) > 0.05  # and is no identity
    for row in rows:
        entropy = row["nll"] - row["kl_qp"]
        assert row["bound"] >= entropy and row["kl_qp"] > -1e-9 and row["kl_pq"] > -1e-9


def test_a_bound_made_too_small_is_noticed(steps):
    """The check above would fail if a step's loss were left out: the gap is smaller than the largest loss."""
    chain = Chain(2, "plain", 0.0)
    for step in steps:
        chain.take(step)
    last = chain.rows[-1]
    assert last["bound"] - last["loss"] < last["nll"]


def test_worst_case_bounds_what_sampling_meets_while_p_is_in_the_ball(rows):
    robust = [row for row in rows if row["objective"] == "kl"]
    inside = [row for row in robust if row["inside"]]
    assert len(inside) > 5 and any(not row["inside"] for row in robust)
    for row in inside:
        assert row["visited"] <= row["worst"] + 1e-9
    for row in robust:
        assert row["loss"] <= row["worst"] + 1e-9
    assert all("worst" not in row for row in rows if row["objective"] != "kl")


def test_larger_balls_have_larger_worst_cases_and_larger_plain_losses(rows):
    small, large = ([r for r in rows if r["objective"] == "kl" and r["radius"] == radius] for radius in (0.005, 0.5))
    plain = [row for row in rows if row["objective"] == "plain"]
    for none, little, much in zip(plain, small, large):
        assert none["loss"] <= little["loss"] + 1e-9 and little["loss"] <= much["loss"] + 1e-6
        assert little["worst"] < much["worst"]


@pytest.mark.parametrize("bumps", [2, 8])
def test_kl_fit_is_the_minimum_of_the_worst_case(steps, bumps):
    """Its worst law, found by hand on a fine grid of lambda, gives the value claimed; no other weights do better."""
    step, radius = steps[3], 0.1

    def worst_case(weights):
        loss = step.losses(features(GRID, step, bumps) @ weights)
        prices = np.geomspace(1e-3, 1e3, 4001)
        # max over laws = min over lambda of lambda (radius + log E exp(loss / lambda)), shifted against overflow
        seen = step.q > 1e-200
        top = loss[seen].max()
        means = [p * np.log(step.q[seen] @ np.exp((loss[seen] - top) / p)) + top for p in prices]
        return (prices * radius + means).min()

    weights, worst = robust_fit.kl(step, bumps, radius)
    assert worst == pytest.approx(worst_case(weights), rel=1e-4)
    others = weights + 0.05 * np.random.default_rng(0).standard_normal((20, len(weights)))
    assert min(worst_case(other) for other in others) > worst
    assert worst_case(robust_fit.plain(step, bumps, 0.0)[0]) > worst * (1 + 1e-4)


def test_state_fit_of_no_radius_is_the_plain_one_and_of_a_radius_better_against_the_worst_offset(steps):
    step, bumps, radius = steps[3], 2, 0.1
    plain = robust_fit.plain(step, bumps, 0.0)[0]
    assert robust_fit.state(step, bumps, 1e-9)[0] == pytest.approx(plain, abs=1e-4)

    def worst_error(weights):
        y, posterior, share = step.nodes
        offsets = np.linspace(-radius, radius, 41)
        errors = [posterior + step.slope * d - features(y + d, step, bumps) @ weights for d in offsets]
        return share @ np.square(errors).max(0)

    robust = robust_fit.state(step, bumps, radius)[0]
    assert worst_error(robust) < worst_error(plain) * (1 - 1e-3)
    others = robust + 0.05 * np.random.default_rng(0).standard_normal((20, len(robust)))
    assert min(worst_error(other) for other in others) > worst_error(robust)
