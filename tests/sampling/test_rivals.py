"""Training-free corrections of samplers, against values that the public code of each gives without a network.

The data are Gaussian and the network is exact: eps = sigma (x - alpha mean)/(alpha^2 var + sigma^2), v = 0, on the
cosine schedule; for EDM D = (var x + t^2 mean)/(var + t^2). The first state is numpy's default_rng(0), the k-th step
noise default_rng(1 + k). Values are mean, population standard deviation and the first two numbers of the final state,
by forever208/ADM-ES@54ad3ad and EDM-ES@d9cf406, AMAP-ML/DCW@ce34542, tingyu215/TS-DPM-ADM@f69e84d and
Mingxiao-Li/TS-DPM@146954f; D5 and D6 join the first and the third, T6 is transcribed from the paper's figure.
"""

import numpy as np
import pytest
import tiny
import torch

from atbench.diffusion.respacing import respaced
from atbench.diffusion.schedule import cosine_schedule
from atbench.runtime.errors import UserError
from atbench.sampling.ddim import Ddim
from atbench.sampling.time_shift import TimeShift

SCHEDULE = cosine_schedule()
INSIDE, OUTSIDE = (0.3, 0.25), (-0.8, 1.44)  # mean and variance of the data; the second makes the clamp act
CLOSE = {"abs": 3e-6}


def drawn(seed, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 1, 4, 4))).to(dtype)


def noise(k):
    return drawn(1 + k)


def denoiser(mean, variance):
    def denoise(x, t):
        index = t.floor().long()
        alpha, sigma = (table[index].float().reshape(-1, 1, 1, 1) for table in (SCHEDULE.alpha_t, SCHEDULE.sigma_t))
        eps = sigma * (x - alpha * mean) / (alpha**2 * variance + sigma**2)
        return torch.cat([eps, torch.zeros_like(eps)], dim=1)

    return denoise


def edm(x, t):
    """F of EDM's exact denoiser for data N(0.3, 0.25): at this variance x does not enter."""
    t = (t / 250).exp().reshape(-1, 1, 1, 1)
    return (0.6 * t / (t**2 + 0.25).sqrt()).expand_as(x)


def sampled(kind, nfe, data=INSIDE, **options):
    sampler = tiny.sampler_of(kind, nfe, **options)
    if kind in ("heun", "euler"):
        return sampler(edm, drawn(0, torch.float64), noise)
    return sampler(denoiser(*data), drawn(0), noise)


def summary(x):
    return (x.mean().item(), x.std(correction=0).item(), *x.flatten()[:2].tolist())


ES = {
    "E1": (("ancestral", 20), {"eps_scale": 1.017}, (0.212733, 0.489183, 0.186234, -0.360229)),
    "E2": (("ancestral", 20), {"eps_slope": 0.0025}, (0.211603, 0.491374, 0.191335, -0.364236)),
    "E3": (("ddim", 10), {"eps_scale": 1.002, "eps_slope": 0.001}, (0.211649, 0.356213, 0.335516, 0.220514)),
    "E4": (("heun", 13), {"eps_scale": 1.0070}, (0.179573, 0.617586, 0.394328, 0.194943)),
    "E5": (("euler", 13), {"eps_scale": 1.0051}, (0.236235, 0.327007, 0.349946, 0.244373)),
    "E6": (
        ("ddim", 10, OUTSIDE),
        {"eps_scale": 1.002, "eps_slope": 0.001},
        (-0.564575, 0.562539, -0.527766, -0.810033),
    ),
}


def bands(low, high, **weights):
    return {"dcw": {"low": low, "high": high, **weights}}


LEVEL, CONSTANT = {"weights": "level"}, {"weights": "constant"}
DCW = {
    "D1": (("euler", 13), bands(0.005, 0.0, **LEVEL), (0.237789, 0.317222, 0.347900, 0.246151)),
    "D2": (("heun", 13), bands(0.05, 0.0, **LEVEL), (0.169345, 0.647916, 0.392058, 0.191256)),
    "D3": (("euler", 13), bands(0.05, 0.01, **LEVEL), (0.230690, 0.344914, 0.349406, 0.242022)),
    "D4": (("euler", 13), bands(0.02, 0.02, **CONSTANT), (0.228194, 0.368242, 0.356244, 0.237359)),
    "D5": (("ddim", 10), bands(0.05, 0.01), (0.167847, 0.412133, 0.306122, 0.188246)),
    "D6": (("ancestral", 20, OUTSIDE), bands(0.02, 0.02), (-0.461338, 0.675818, -0.844032, -0.975589)),
}


def shift(moves, window=80, cutoff=300):
    return {"time_shift": {"moves": moves, "window": window, "cutoff": cutoff}}


SHIFT = {
    "T1": (("ddim", 5), shift("destination"), (0.241601, 0.237575, 0.322622, 0.241662)),
    "T2": (("ddim", 10), shift("destination"), (0.274787, 0.255749, 0.363719, 0.281152)),
    "T6": (("ddim", 10), shift("label"), (0.226649, 0.340907, 0.342920, 0.232843)),
}
GOLDEN = ES | DCW | SHIFT


@pytest.mark.parametrize("name", GOLDEN)
def test_corrected_samplers_give_the_values_of_the_public_code(name):
    setting, options, expected = GOLDEN[name]
    assert summary(sampled(*setting, **options)) == pytest.approx(expected, **CLOSE)
    plain = summary(sampled(*setting))
    assert plain != pytest.approx(expected, abs=1e-3)  # the correction is what is seen


def test_the_next_timestep_moves_as_in_the_code_for_ddpm_networks():
    # T3: its grid, 1 + 100 i without the largest entry, and its end, the state at entry 0, where our loop asks again.
    seen = []

    def denoise(x, t):
        seen.append(x)
        return denoiser(*INSIDE)(x, t)

    grid = [0, *range(1, 802, 100)]
    moved = TimeShift("next", 40, 300, SCHEDULE.alphas_cumprod, tuple(grid))
    Ddim(respaced(SCHEDULE, grid), clip=False, shift=moved)(denoise, drawn(0), noise)
    assert len(seen) == len(grid)
    assert summary(seen[-1]) == pytest.approx((0.181641, 0.376291, 0.302106, 0.175762), **CLOSE)


def moved_timesteps(setting, options):
    """t_s of both samples at the shifted steps."""
    sampler, found = tiny.sampler_of(*setting, **options), []

    def noted(x, i, whole=TimeShift.shifted):
        t_s = whole(sampler.shift, x, i)
        found.extend([] if t_s is None else [tuple(t_s.tolist())])
        return t_s

    object.__setattr__(sampler.shift, "shifted", noted)  # frozen
    sampler(denoiser(*INSIDE), drawn(0), noise)
    return found


@pytest.mark.parametrize(
    "name, expected",
    [
        ("T1", [(594, 560), (403, 360)]),
        ("T2", [(760, 760), (660, 660), (560, 560), (460, 460), (360, 360)]),
        ("T6", [(760, 760), (660, 660), (560, 560), (492, 460), (428, 360)]),
    ],
)
def test_every_sample_has_a_timestep_of_its_own(name, expected):
    assert moved_timesteps(*SHIFT[name][:2]) == expected


NEUTRAL = [
    (("ancestral", 20, OUTSIDE), {"eps_scale": 1.0, "eps_slope": 0.0}),
    (("ancestral", 20, OUTSIDE), bands(0.0, 0.0)),
    (("ddim", 10, OUTSIDE), {"eps_scale": 1.0}),
    (("ddim", 10, OUTSIDE), bands(0.0, 0.0)),
    (("ddim", 10, OUTSIDE), shift("label", window=0)),
    (("ddim", 10, OUTSIDE), shift("next", window=0)),
    (("heun", 13), {"eps_scale": 1.0}),
    (("heun", 13), bands(0.0, 0.0, **LEVEL)),
    (("euler", 13), {"eps_scale": 1.0}),
    (("euler", 13), bands(0.0, 0.0, **CONSTANT)),
]


@pytest.mark.parametrize("setting, options", NEUTRAL)
def test_neutral_constants_give_the_bits_of_the_plain_sampler(setting, options):
    assert torch.equal(sampled(*setting, **options), sampled(*setting))


def test_a_moved_destination_is_no_step_of_ddim_even_with_window_zero():
    plain, control, moved = (
        sampled("ddim", 10, **options) for options in ({}, shift("destination", window=0), shift("destination"))
    )
    assert (control - plain).abs().max() > 0.05
    assert (moved - control).abs().max() > 0.01


def test_heun_is_corrected_by_its_second_estimate():
    # The first one differs by 5e-4: a near miss that the golden value above tells apart.
    asked = []
    sampler = tiny.sampler_of("heun", 5, **bands(0.1, 0.1, **CONSTANT))

    def network(x, t):
        asked.append((t[0] / 250).exp().item())
        return edm(x, t)

    sampler(network, drawn(0, torch.float64), noise)
    assert asked[1::2] == pytest.approx(sampler.times[1:])  # where the second evaluations are


@pytest.mark.parametrize("kind, nfe, options", [("ddim", 10, {}), ("ancestral", 10, {}), ("euler", 10, CONSTANT)])
def test_low_and_high_add_up_to_dc(kind, nfe, options):
    """With l = h the bands make no difference: x' + l (x' - x0_hat)."""
    x, x0_hat = drawn(0, torch.float64), drawn(1, torch.float64)
    correct = tiny.sampler_of(kind, nfe, **bands(0.1, 0.1, **options)).correct
    torch.testing.assert_close(correct(x, x0_hat), x + 0.1 * (x - x0_hat))
    low = tiny.sampler_of(kind, nfe, **bands(0.1, 0.0, **options)).correct(x, x0_hat) - x
    high = tiny.sampler_of(kind, nfe, **bands(0.0, 0.1, **options)).correct(x, x0_hat) - x
    assert (low * high).sum().abs() < 1e-9 * low.square().sum()  # bands of an orthonormal transform
    torch.testing.assert_close(low[..., ::2, ::2], low[..., 1::2, 1::2])


def test_images_of_odd_sides_have_no_bands():
    with pytest.raises(UserError, match=r"images of 7x7.*even"):
        tiny.sampler_of("ddim", 10, **bands(0.1, 0.0)).correct(torch.zeros(1, 1, 7, 7), torch.zeros(1, 1, 7, 7))


@pytest.mark.parametrize(
    "kind, nfe, options, message",
    [
        ("ddim", 10, {"eps_scale": {20: 1.017}}, "eps_scale: missing at nfe 10; there is a value at 20"),
        (
            "ancestral",
            10,
            {"eps_scale": {10: 1.0}, "eps_slope": {20: 0.1}},
            "eps_slope: missing at nfe 10",
        ),
        ("heun", 13, {"eps_scale": "tuned"}, "eps_scale: missing; in samplers.yaml it is `tuned`"),
        ("ddim", 10, bands("tuned", 0.0), "dcw.low: missing"),
        ("ddim", 10, shift("label", window="tuned"), "time_shift.window: missing"),
        ("ddim", 10, {"eps_scale": 0.1, "eps_slope": -0.1}, "must stay above 0"),
        ("ddim", 50, shift("label"), "time_shift.window 80: leaves 0..999 at t = 960; at most 79"),
        ("ddim", 10, shift("destination", window=700), "time_shift.window 700: steps back"),
        ("ddim", 10, shift("destination", window=250), "time_shift.window 250: steps back at nfe 10; at most 225"),
        ("ddim", 10, shift("destination", cutoff=0), "time_shift.cutoff 0: steps below 0 at nfe 10; at least 100"),
    ],
)
def test_constants_that_are_not_known_or_cannot_be_are_refused(kind, nfe, options, message):
    with pytest.raises(UserError, match=message):
        tiny.sampler_of(kind, nfe, **options)


@pytest.mark.parametrize("moves, most", [("label", 399), ("next", 599), ("destination", 225)])
def test_the_widest_window_is_that_which_a_refusal_names(moves, most):
    assert sampled("ddim", 10, **shift(moves, window=most)).isfinite().all()
    with pytest.raises(UserError, match=rf"window {most + 1}: .*; at most {most}"):
        tiny.sampler_of("ddim", 10, **shift(moves, window=most + 1))


@pytest.mark.parametrize(
    "kind, option",
    [
        ("dpm-solver++", {"eps_scale": 1.01}),
        ("dpm-solver++", bands(0.1, 0.1)),
        ("dpm-solver++", shift("label")),
        ("consistency", {"eps_scale": 1.01}),
        ("consistency", bands(0.1, 0.1)),
        ("consistency", shift("label")),
        ("heun", {"eps_slope": 0.001}),
        ("heun", shift("label")),
        ("euler", shift("label")),
        ("ancestral", shift("label")),
    ],
)
def test_a_correction_is_refused_where_no_source_defines_it(kind, option):
    with pytest.raises(ValueError, match=rf"no source defines .*arXiv.* for '{kind[:3]}.*, only for"):
        tiny.sampler_of(kind, 9, **option)


def test_weights_of_the_level_are_edms_alone():
    with pytest.raises(ValueError, match="weights"):
        tiny.sampler_of("ddim", 10, **bands(0.1, 0.1, **LEVEL))
