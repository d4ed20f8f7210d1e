"""Samplers: golden grids, measured nfe, refusals, and linear recursions on Gaussian data in closed form.

Published samplers are biased on Gaussian data (start step, stretched labels), so every closed-form test
predicts the sampler's own recursion, in plain floats, and never the variance of the data.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
import tiny
import torch
from pydantic import ValidationError

from atbench.diffusion.respacing import even_timesteps, respaced
from atbench.diffusion.schedule import cosine_schedule
from atbench.runtime.errors import UserError
from atbench.sampling import CountingDenoiser
from atbench.sampling.dpm_solver import half_log_snr_grid, kept_log_alpha, level_at

SCHEDULE = cosine_schedule()
SAMPLERS = {
    "iddpm": {"kind": "ancestral", "eps_scale": 1.0},
    "ddpm": {"kind": "ancestral", "variance": 0.0},
    "es": {"kind": "ancestral", "eps_scale": 1.017},
    "ddim": {"kind": "ddim"},
    "dpm-solver": {"kind": "dpm-solver++", "order": 2, "t_start": 0.992},
}
GRID = [(name, nfe) for name in SAMPLERS for nfe in (5, 8, 10, 20, 50)]
LABELS = {
    5: [991.0, 930.2, 613.62, 141.67, 17.39, 0.0],
    10: [991.0, 973.39, 930.2, 827.14, 613.62, 333.01, 141.67, 53.43, 17.39, 3.95, 0.0],
}
MEAN, STD, V = (
    0.1,
    0.05,
    0.3,
)  # data N(MEAN, STD^2), narrow so that x0_hat stays inside [-1, 1]; variance output V
PROBE = 1e-4  # size of the probing noise: small, since ES at t = 999 blows x0_hat up by a factor of 300


def sampler_of(name, nfe, **options):
    return tiny.sampler_of(nfe=nfe, **SAMPLERS[name] | options)


def no_noise(k):
    raise AssertionError("a deterministic sampler asked for noise")


def eps_line(alpha):
    """Slope and offset in x of E[eps | x_t = x] for the Gaussian data: sigma (x - alpha MEAN) / Var[x_t]."""
    sigma = math.sqrt(1 - alpha**2)
    slope = sigma / (alpha**2 * STD**2 + sigma**2)
    return slope, -slope * alpha * MEAN


def alpha_at(position):
    """alpha at a fractional position of the table, log alpha linear between entries."""
    return math.exp(np.interp(position, np.arange(1000), SCHEDULE.alpha_t.log().numpy()))


def gaussian_denoiser(alpha_of_label):
    def denoise(x, t):
        assert t.dtype == torch.float32 and t.shape == (len(x),) and bool((t == t[0]).all())
        slope, offset = eps_line(alpha_of_label(t[0].item()))
        return torch.cat([slope * x + offset, torch.full_like(x, V)], dim=1)

    return denoise


def measured_mean_and_variance(sampler, nfe):
    """Exact output law of an affine sampler: row 0 has no noise, row 1 probes x_T, row 2 + k the k-th one."""

    def probe(row):
        x = torch.zeros(nfe + 1, 1, 1, 1, dtype=torch.float64)
        x[row] = PROBE
        return x

    out = sampler(gaussian_denoiser(alpha_at), probe(1), lambda k: probe(2 + k)).flatten()
    return out[0].item(), ((out[1:] - out[0]) / PROBE).square().sum().item()


def ancestral_recursion(nfe, eps_scale, eps_slope=0.0, v=V):
    """Mean and variance of x under x' = m_0 x0_hat + m_t x + std z, in floats from alphas_cumprod alone."""
    steps = even_timesteps(nfe, 1000)
    abar = [SCHEDULE.alphas_cumprod[t].item() for t in steps]
    before = [1.0, *abar[:-1]]
    beta = [1 - a / b for a, b in zip(abar, before)]
    tilde = [b * (1 - p) / (1 - a) for a, p, b in zip(abar, before, beta)]
    mean, variance = 0.0, 1.0
    for i in reversed(range(nfe)):
        slope, offset = (c / (eps_scale + eps_slope * i) for c in eps_line(math.sqrt(abar[i])))
        to_x0 = math.sqrt(before[i]) * beta[i] / (1 - abar[i]) / math.sqrt(abar[i])
        to_x = math.sqrt(1 - beta[i]) * (1 - before[i]) / (1 - abar[i])
        sigma = math.sqrt(1 - abar[i])
        a, b = to_x + to_x0 * (1 - sigma * slope), -to_x0 * sigma * offset
        noise = beta[i] ** ((1 + v) / 2) * tilde[i] ** ((1 - v) / 2) if i else 0.0
        mean, variance = a * mean + b, a**2 * variance + noise
    return mean, variance


def ddim_recursion(nfe):
    stride = math.ceil(1000 / nfe)
    alphas = [1.0] + [SCHEDULE.alpha_t[t].item() for t in range(0, 1000, stride)]
    mean, variance = 0.0, 1.0
    for here, there in zip(alphas[:0:-1], alphas[-2::-1]):
        slope, offset = eps_line(here)
        ratio = there / here
        gain = math.sqrt(1 - there**2) - ratio * math.sqrt(1 - here**2)
        a, b = ratio + gain * slope, gain * offset
        mean, variance = a * mean + b, a**2 * variance
    return mean, variance


def dpm_solver_recursion(nfe):
    """(coefficient, constant) of x and of the last two x0_hat as affine functions of x_T."""
    table = np.log(SCHEDULE.alpha_t.numpy()[:996])
    start = np.interp(0.992 * 996 - 1, np.arange(996), table)
    lambdas = np.linspace(start - 0.5 * math.log(1 - math.exp(2 * start)), SCHEDULE.half_log_snr[0].item(), nfe + 1)
    log_alpha = -0.5 * np.log1p(np.exp(-2 * lambdas))
    positions = np.interp(log_alpha, table[::-1], np.arange(996)[::-1])
    alphas, sigmas = np.exp(log_alpha), np.sqrt(1 - np.exp(2 * log_alpha))
    constant = np.array([0.0, 1.0])
    x, before = np.array([1.0, 0.0]), None
    for k in range(nfe):
        slope, offset = eps_line(alpha_at(float(np.float32(positions[k] / 996 * 1000))))
        x0_hat = (x - sigmas[k] * (slope * x + offset * constant)) / alphas[k]
        h = lambdas[1] - lambdas[0]
        # On a uniform grid r0 = 1
        second = k > 0 and not (nfe < 10 and k == nfe - 1)
        d = 1.5 * x0_hat - 0.5 * before if second else x0_hat
        x = sigmas[k + 1] / sigmas[k] * x - alphas[k + 1] * (math.exp(-h) - 1) * d
        before = x0_hat
    return x[1], x[0] ** 2


RECURSIONS = {
    "iddpm": lambda nfe: ancestral_recursion(nfe, 1.0),
    "ddpm": lambda nfe: ancestral_recursion(nfe, 1.0, v=-1.0),
    "es": lambda nfe: ancestral_recursion(nfe, 1.017),
    "ddim": ddim_recursion,
    "dpm-solver": dpm_solver_recursion,
}


@pytest.mark.parametrize("name, nfe", GRID)
def test_gaussian_output_follows_the_samplers_own_recursion(name, nfe):
    mean, variance = measured_mean_and_variance(sampler_of(name, nfe), nfe)
    assert (mean, variance) == pytest.approx(RECURSIONS[name](nfe), rel=1e-6)


def test_a_fixed_variance_needs_no_learned_one():
    step_noise = dict(enumerate(torch.randn(4, 2, 3, 4, 4, dtype=torch.float64, generator=torch.manual_seed(0))))
    x_T = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    denoise = gaussian_denoiser(alpha_at)
    both, alone = (sampler_of("ddpm", 5)(d, x_T, step_noise.get) for d in (denoise, lambda x, t: denoise(x, t)[:, :3]))
    assert torch.equal(both, alone)
    with pytest.raises(UserError, match="predicts no variance"):
        sampler_of("iddpm", 5)(lambda x, t: denoise(x, t)[:, :3], x_T, step_noise.get)
    beta = sampler_of("ddpm", 5, variance=1.0)
    assert measured_mean_and_variance(beta, 5) == pytest.approx(ancestral_recursion(5, 1.0, v=1.0), rel=1e-6)


def test_es_slope_is_indexed_by_the_respaced_step():
    measured = measured_mean_and_variance(sampler_of("es", 20, eps_scale=1.0, eps_slope=0.0025), 20)
    assert measured == pytest.approx(ancestral_recursion(20, 1.0, 0.0025), rel=1e-6)
    assert measured != pytest.approx(ancestral_recursion(20, 1.0), rel=1e-3)


@pytest.mark.parametrize("name, nfe", GRID)
def test_measured_nfe_is_the_requested_one(name, nfe):
    denoise = CountingDenoiser(lambda x, t: torch.cat([x, x], dim=1) * 0.5, samples=4)
    for seed in range(2):  # two blocks of two images
        x_T = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
        out = sampler_of(name, nfe)(denoise, x_T, lambda k: torch.zeros(2, 3, 4, 4))
        assert out.shape == x_T.shape and out.dtype == torch.float32 and out.isfinite().all()
    assert denoise.nfe == nfe


def test_counting_denoiser_refuses_a_count_that_does_not_divide():
    denoise = CountingDenoiser(lambda x, t: x, samples=2)
    denoise(torch.zeros(3, 1, 1, 1), torch.zeros(3))
    with pytest.raises(RuntimeError, match="3 evaluations"):
        denoise.nfe  # noqa: B018


def fake_network(x, t):
    return torch.cat([torch.sin(3 * x) + t.reshape(-1, 1, 1, 1) / 1000, torch.cos(x)], dim=1)


def test_es_with_scale_one_equals_iddpm_bit_for_bit():
    # The reference loop below never divides eps, so a scale of 1 must not change a single bit.
    process, noise = respaced(SCHEDULE, even_timesteps(10, 1000)), torch.Generator().manual_seed(1)
    x_T, *noises = torch.randn(10, 2, 3, 4, 4, generator=noise)
    x = x_T
    for k, i in enumerate(reversed(range(10))):
        t = torch.full((2,), i)
        eps_hat, v = fake_network(x, process.timesteps[t].float()).chunk(2, dim=1)
        mean, _ = process.posterior(process.x0_from_eps(x, t, eps_hat).clamp(-1, 1), x, t)
        x = mean + torch.exp(0.5 * process.learned_log_variance(v, t)) * noises[k] if i else mean
    for name in ("iddpm", "es"):
        assert torch.equal(sampler_of(name, 10, eps_scale=1.0)(fake_network, x_T, noises.__getitem__), x)
    assert not torch.equal(sampler_of("es", 10)(fake_network, x_T, noises.__getitem__), x)


@pytest.mark.parametrize("name, calls", [("iddpm", [0, 1, 2, 3]), ("ddim", []), ("dpm-solver", [])])
def test_noise_is_asked_for_on_every_ancestral_step_but_the_last(name, calls):
    steps = []
    sampler_of(name, 5)(fake_network, torch.zeros(1, 1, 2, 2), lambda k: steps.append(k) or torch.ones(1, 1, 2, 2))
    assert steps == calls


def labels_seen(name, nfe):
    seen = []

    def denoise(x, t):
        seen.append(t[0].item())
        return fake_network(x, t)

    sampler_of(name, nfe)(denoise, torch.zeros(1, 1, 2, 2), lambda k: torch.zeros(1, 1, 2, 2))
    return seen


def test_networks_receive_the_original_labels():
    assert labels_seen("iddpm", 5) == [999, 749, 500, 250, 0]
    assert labels_seen("ddim", 5) == [800, 600, 400, 200, 0]
    assert labels_seen("dpm-solver", 5) == pytest.approx(LABELS[5][:5], abs=0.006)


@pytest.mark.parametrize("nfe", LABELS)
def test_dpm_solver_grid_golden_labels(nfe):
    levels, labels = half_log_snr_grid(SCHEDULE, nfe, 0.992)
    assert labels == pytest.approx(LABELS[nfe], abs=0.006)
    assert np.diff([level.half_log_snr for level in levels]) == pytest.approx((5.0475 + 3.9818) / nfe, abs=1e-4)
    assert all(level.alpha**2 + level.sigma**2 == pytest.approx(1, abs=1e-12) for level in levels)


def test_dpm_solver_starts_where_its_time_axis_says():
    log_alpha = kept_log_alpha(SCHEDULE)
    start = level_at(log_alpha, 0.992)
    assert len(log_alpha) == 996
    assert (start.alpha, start.half_log_snr) == pytest.approx((0.01864833, -3.98182482), abs=1e-7)
    assert level_at(log_alpha, 1.0).half_log_snr == pytest.approx(-5.0777557, abs=1e-6)
    assert level_at(log_alpha, 1 / 996).half_log_snr == pytest.approx(5.0475, abs=5e-5)


@pytest.mark.parametrize(
    "nfe, orders", [(5, [1, 2, 2, 2, 1]), (8, [1, *[2] * 6, 1]), (10, [1, *[2] * 9]), (20, [1, *[2] * 19])]
)
def test_dpm_solver_lowers_the_last_order_below_ten_steps(nfe, orders):
    assert [sampler_of("dpm-solver", nfe).order_of(k) for k in range(nfe)] == orders


def test_dpm_solver_converges_with_its_order():
    # Labels are stretched back here, so that the solver integrates the true probability-flow ODE of the
    # Gaussian, whose solution keeps the standardised x: (x - alpha MEAN) / std(x_t) is constant.
    denoise = gaussian_denoiser(lambda label: alpha_at(label * 0.996))
    log_alpha = kept_log_alpha(SCHEDULE)
    (a_start, s_start, _), (a_end, s_end, _) = level_at(log_alpha, 0.992), level_at(log_alpha, 1 / 996)
    z = (1.3 - a_start * MEAN) / math.hypot(a_start * STD, s_start)
    exact = a_end * MEAN + math.hypot(a_end * STD, s_end) * z
    x_T = torch.full((1, 1, 1, 1), 1.3, dtype=torch.float64)
    for order in (1, 2):
        errors = [
            abs(sampler_of("dpm-solver", nfe, order=order)(denoise, x_T, no_noise).item() - exact)
            for nfe in (40, 80, 160)
        ]
        for coarse, fine in pairwise(errors):
            assert coarse / fine == pytest.approx(2**order, rel=0.25)


def test_clipping_is_on_for_ancestral_and_ddim_and_off_for_dpm_solver():
    def denoise(x, t):  # claims far too little noise, so x0_hat leaves [-1, 1]
        return torch.zeros(len(x), 2 * x.shape[1], *x.shape[2:])

    x_T = torch.full((1, 1, 2, 2), 3.0)
    assert sampler_of("ddim", 5)(denoise, x_T, no_noise).max() == 1
    assert sampler_of("iddpm", 5)(denoise, x_T, lambda k: torch.zeros_like(x_T)).max() <= 1 + 1e-6
    assert sampler_of("dpm-solver", 5)(denoise, x_T, no_noise).max() > 100


def test_ddim_derives_eps_again_from_the_clamped_x0():
    seen = []

    def denoise(x, t):  # no noise claimed: x0_hat = 3 / 0.305, clamped to 1
        seen.append(x)
        return torch.zeros_like(x)

    sampler_of("ddim", 5)(denoise, torch.full((1, 1, 1, 1), 3.0, dtype=torch.float64), no_noise)
    alpha, sigma = SCHEDULE.alpha_t, SCHEDULE.sigma_t
    expected = alpha[600] * 1 + sigma[600] * (3 - alpha[800] * 1) / sigma[800]
    assert seen[1].item() == pytest.approx(expected.item(), rel=1e-12)


def test_deterministic_samplers_read_only_the_eps_channels():
    x_T = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    for name in ("ddim", "dpm-solver"):
        sampler = sampler_of(name, 8)
        without_v = sampler(lambda x, t: fake_network(x, t)[:, :3], x_T, no_noise)
        assert torch.equal(sampler(fake_network, x_T, no_noise), without_v)


@pytest.mark.parametrize(
    "name, nfe, message",
    [
        ("iddpm", 0, "nearest valid nfe: 2"),
        ("es", 1, "nearest valid nfe: 2"),
        ("iddpm", 1001, "nearest valid nfe: 1000"),
        ("ddim", 0, "nearest valid nfe: 2"),
        ("ddim", 37, "nearest valid nfe: 36 and 38"),
        ("ddim", 1001, "nearest valid nfe: 1000"),
        ("dpm-solver", 0, "nearest valid nfe: 2"),
        ("dpm-solver", 1, "nearest valid nfe: 2"),
        ("dpm-solver", 1001, "nearest valid nfe: 1000"),
    ],
)
def test_impossible_nfe_is_refused_at_construction(name, nfe, message):
    with pytest.raises(UserError, match=f"nfe {nfe}.*{message}"):
        sampler_of(name, nfe)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"kind": "euler-maruyama"}, "'euler-maruyama'.*'ancestral', 'consistency', 'ddim', 'dpm-solver"),
        ({"kind": "ddim", "eta": 1.0}, "eta"),
        ({"kind": "ancestral", "eps_scale": "big"}, "eps_scale"),
        ({"kind": "ancestral", "eps_scale": 0.0}, "eps_scale"),
        ({"kind": "dpm-solver++", "order": 3}, "order"),
        ({"kind": "dpm-solver++", "t_start": 1.2}, "t_start"),
        ({"kind": "dpm-solver++", "t_start": 0.001}, "t_start"),
    ],
)
def test_wrong_options_are_refused_before_construction(options, message):
    with pytest.raises(ValidationError, match=message):
        tiny.sampler_of(nfe=10, **options)


def test_options_that_do_not_go_together_are_refused_at_construction():
    with pytest.raises(UserError, match="must stay above 0"):
        tiny.sampler_of(nfe=10, kind="ancestral", eps_slope=-0.2)
    with pytest.raises(UserError, match=r"t_start 0\.001: must lie above 1/996"):
        half_log_snr_grid(SCHEDULE, 10, 0.001)
