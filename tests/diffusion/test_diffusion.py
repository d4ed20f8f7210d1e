"""Schedule, process, respacing and single steps against golden values, closed forms and invariants."""

import math

import pytest
import torch

from atbench.diffusion.likelihood import discretized_gaussian_log_likelihood
from atbench.diffusion.process import Process
from atbench.diffusion.respacing import even_timesteps, respaced, stride_timesteps
from atbench.diffusion.schedule import Schedule, cosine_schedule
from atbench.diffusion.steps import Level, ancestral_step, ddim_step, dpm_solver_first_order, dpm_solver_second_order
from atbench.runtime.errors import UserError

SCHEDULE = cosine_schedule()
EVEN = {
    5: [0, 250, 500, 749, 999],
    8: [0, 143, 285, 428, 571, 714, 856, 999],
    10: [0, 111, 222, 333, 444, 555, 666, 777, 888, 999],
    20: [
        *[0, 53, 105, 158, 210, 263, 315, 368, 421, 473],
        *[526, 578, 631, 684, 736, 789, 841, 894, 946, 999],
    ],
}
# nfe: (stride, last step, signal left at the last step)
STRIDE = {
    5: (200, 800, 0.3052),
    8: (125, 875, 0.1920),
    10: (100, 900, 0.1537),
    20: (50, 950, 0.0763),
    50: (20, 980, 0.0296),
}


def draw(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_cosine_schedule_golden_values():
    assert SCHEDULE.num_steps == 1000 and SCHEDULE.betas.dtype == torch.float64
    assert SCHEDULE.betas[0].item() == pytest.approx(4.128422482e-5, rel=1e-9)
    assert SCHEDULE.sigma_t[0].item() == pytest.approx(0.00643, abs=5e-6)
    assert (SCHEDULE.betas >= 0.999).nonzero().flatten().tolist() == [999]
    for t, abar in {500: 0.492285, 950: 0.00582015, 999: 2.42877e-9}.items():
        assert SCHEDULE.alphas_cumprod[t].item() == pytest.approx(abar, rel=2e-6)
    for t, half_log_snr in {0: 5.0475, 500: -0.0154, 995: -5.0778, 999: -9.9179}.items():
        assert SCHEDULE.half_log_snr[t].item() == pytest.approx(half_log_snr, abs=5e-5)
    assert torch.allclose(SCHEDULE.alpha_t**2 + SCHEDULE.sigma_t**2, torch.ones(1000, dtype=torch.float64))


def test_schedule_refuses_wrong_betas():
    with pytest.raises(ValueError, match="float64"):
        Schedule(torch.full((4,), 0.1))
    with pytest.raises(ValueError, match="between 0 and 1"):
        Schedule(torch.tensor([0.1, 1.0], dtype=torch.float64))


@pytest.mark.parametrize("nfe", EVEN)
def test_even_timesteps_golden_values(nfe):
    assert even_timesteps(nfe, 1000) == EVEN[nfe]


def test_even_timesteps_are_distinct_and_span_the_schedule():
    for nfe in range(2, 1001):
        steps = even_timesteps(nfe, 1000)
        assert len(set(steps)) == nfe and steps[0] == 0 and steps[-1] == 999


def test_even_timesteps_round_halves_to_even():
    assert even_timesteps(3, 4) == [0, 2, 3]  # 1.5 -> 2
    assert even_timesteps(3, 6) == [0, 2, 5]  # 2.5 -> 2


@pytest.mark.parametrize("nfe", STRIDE)
def test_stride_timesteps_golden_values(nfe):
    stride, last, signal = STRIDE[nfe]
    steps = stride_timesteps(nfe, 1000)
    assert steps == list(range(0, 1000, stride)) and len(steps) == nfe and steps[-1] == last
    assert SCHEDULE.alpha_t[last].item() == pytest.approx(signal, abs=5e-5)


def test_stride_timesteps_take_the_smallest_stride():
    assert stride_timesteps(3, 1000) == [0, 334, 668]  # 334..499 all give three steps
    assert stride_timesteps(1000, 1000) == list(range(1000))


def test_stride_timesteps_exist_for_62_counts_above_one():
    def exists(nfe):
        try:
            return len(stride_timesteps(nfe, 1000)) == nfe
        except UserError:
            return False

    valid = {nfe for nfe in range(1, 1001) if exists(nfe)}
    assert valid == {math.ceil(1000 / stride) for stride in range(1, 1000)}
    assert len(valid) == 62 and not valid & {1, 37, 41, 43, 45, 47, 49, 300, 400}


@pytest.mark.parametrize(
    "rule, nfe, nearest",
    [
        *[(even_timesteps, nfe, "nfe: 2") for nfe in (-3, 0, 1)],
        (even_timesteps, 1001, "nfe: 1000"),
        (even_timesteps, 5.0, "integer"),
        *[(stride_timesteps, nfe, "nfe: 2") for nfe in (0, 1)],
        (stride_timesteps, 1001, "nfe: 1000"),
        (stride_timesteps, 37, "nfe: 36 and 38"),
        (stride_timesteps, 300, "nfe: 334"),
        (stride_timesteps, 400, "nfe: 334"),
    ],
)
def test_impossible_nfe_names_the_nearest_valid_one(rule, nfe, nearest):
    with pytest.raises(UserError, match=f"nfe {nfe}.*{nearest}"):
        rule(nfe, 1000)


def test_respaced_keeps_the_marginals_and_the_labels():
    process = respaced(SCHEDULE, EVEN[10])
    assert process.timesteps.tolist() == EVEN[10]
    expected = SCHEDULE.alphas_cumprod[EVEN[10]]
    # The last beta is within 1e-7 of one, so float64 keeps only nine digits of the last alphas_cumprod
    assert torch.allclose(process.schedule.alphas_cumprod[:-1], expected[:-1], rtol=1e-12, atol=0)
    assert torch.allclose(process.schedule.alphas_cumprod, expected, rtol=1e-8, atol=0)
    assert torch.allclose(respaced(SCHEDULE, range(1000)).schedule.betas, SCHEDULE.betas, rtol=1e-9, atol=0)


@pytest.mark.parametrize("steps", [[0, 5, 5], [3, 2], [-1, 4], [0, 1000]])
def test_respaced_refuses_wrong_steps(steps):
    with pytest.raises(ValueError, match="ascend strictly"):
        respaced(SCHEDULE, steps)


def test_process_refuses_labels_of_another_length():
    with pytest.raises(ValueError, match="3 labels for 1000 steps"):
        Process(SCHEDULE, torch.tensor([0, 1, 2]))


def test_forward_equation_and_its_inverses():
    process, t = Process(SCHEDULE), torch.tensor([0, 10, 500, 999])
    x0, eps = draw(4, 3, 2, 2), draw(4, 3, 2, 2, seed=1)
    x_t = process.q_sample(x0, t, eps)
    abar = SCHEDULE.alphas_cumprod[t].reshape(4, 1, 1, 1)
    assert torch.allclose(x_t, abar.sqrt() * x0 + (1 - abar).sqrt() * eps, rtol=1e-14)
    assert torch.allclose(process.x0_from_eps(x_t, t, eps), x0, atol=1e-9)
    assert torch.allclose(process.eps_from_x0(x_t, t, x0), eps, atol=1e-9)


def test_coefficients_broadcast_and_take_the_image_type():
    process, t = Process(SCHEDULE), torch.tensor([0, 999])
    for dtype in (torch.float32, torch.float64):
        alpha = process.alpha(t, torch.zeros(2, 3, 4, 4, dtype=dtype))
        assert alpha.shape == (2, 1, 1, 1) and alpha.dtype == dtype
    moved = process.to("cpu")
    assert torch.equal(moved.sigma(t, draw(2, 1)), process.sigma(t, draw(2, 1)))


def test_implied_x0_is_unchanged_by_delta_with_its_moved_target():
    process, t = Process(SCHEDULE), torch.arange(1000)
    x0, eps, delta = draw(1000, 3, 2, 2), draw(1000, 3, 2, 2, seed=1), 0.1 * draw(1000, 3, 2, 2, seed=2)
    x_t = process.q_sample(x0, t, eps)
    implied = process.x0_from_eps(x_t + delta, t, eps + delta / process.sigma(t, x0))
    assert (implied - x0).abs().max() < 1e-9


def test_posterior_equals_bayes_rule():
    # q(x_{t-1} | x_t, x0) is proportional to q(x_t | x_{t-1}) q(x_{t-1} | x0): precisions and their means add
    process, t = respaced(SCHEDULE, EVEN[20]), torch.arange(1, 19)
    x0, x_t = draw(18, 1, 1, 1), draw(18, 1, 1, 1, seed=1)
    beta, before = (table[index].reshape(-1, 1, 1, 1) for table, index in (
        (process.schedule.betas, t), (process.schedule.alphas_cumprod, t - 1)))  # fmt: skip
    precision = (1 - beta) / beta + 1 / (1 - before)
    expected = ((1 - beta).sqrt() * x_t / beta + before.sqrt() * x0 / (1 - before)) / precision
    mean, log_variance = process.posterior(x0, x_t, t)
    assert torch.allclose(mean, expected, rtol=1e-9)
    assert torch.allclose(log_variance, -precision.log(), rtol=1e-9)


def test_posterior_at_the_first_step_is_x0_with_the_next_variance():
    process, x0 = Process(SCHEDULE), draw(1, 1, 1, 1)
    mean, first = process.posterior(x0, draw(1, 1, 1, 1, seed=1), torch.tensor([0]))
    _, second = process.posterior(x0, x0, torch.tensor([1]))
    assert torch.allclose(mean, x0, rtol=1e-12) and torch.equal(first, second)


def test_learned_variance_spans_its_two_bounds():
    process, t = Process(SCHEDULE), torch.tensor([1, 700])
    ones = torch.ones(2, 1, 1, 1, dtype=torch.float64)
    assert torch.allclose(process.learned_log_variance(ones, t).flatten(), SCHEDULE.betas[t].log())
    _, lower = process.posterior(ones, ones, t)
    assert torch.allclose(process.learned_log_variance(-ones, t), lower)


def test_vb_term_is_zero_where_the_model_is_the_posterior():
    process, t = Process(SCHEDULE), torch.tensor([1, 20, 500, 990])
    x0, eps = draw(4, 3, 2, 2), draw(4, 3, 2, 2, seed=1)
    bits = process.vb_term(x0, process.q_sample(x0, t, eps), t, eps, -torch.ones_like(x0))
    assert bits.shape == (4,) and bits.abs().max() < 1e-9


def test_vb_term_at_t0_is_the_discretised_likelihood():
    process, t = Process(SCHEDULE), torch.tensor([0])
    x0 = torch.tensor([-1.0, 1 / 255, 1.0], dtype=torch.float64).reshape(1, 3, 1, 1)
    bits = process.vb_term(x0, process.q_sample(x0, t, x0), t, x0, torch.zeros_like(x0))
    log_variance = process.learned_log_variance(torch.zeros_like(x0), t)
    nats = -discretized_gaussian_log_likelihood(x0, x0, log_variance).mean()
    assert bits.item() == pytest.approx(nats.item() / math.log(2), rel=1e-9) and bits.item() > 0


def test_vb_term_equals_the_kl_by_quadrature():
    process, t = Process(SCHEDULE), torch.tensor([300])
    x0, x_t, eps_hat = (torch.full((1, 1, 1, 1), value, dtype=torch.float64) for value in (0.3, 0.5, 0.4))
    v = torch.full_like(x0, 0.2)
    true_mean, true_log_variance = process.posterior(x0, x_t, t)
    model_mean, _ = process.posterior(process.x0_from_eps(x_t, t, eps_hat), x_t, t)
    model_std = (0.5 * process.learned_log_variance(v, t)).exp()
    p = torch.distributions.Normal(true_mean.squeeze(), (0.5 * true_log_variance).exp().squeeze())
    q = torch.distributions.Normal(model_mean.squeeze(), model_std.squeeze())
    grid = p.mean + p.stddev * torch.linspace(-9, 9, 4001, dtype=torch.float64)
    integrand = p.log_prob(grid).exp() * (p.log_prob(grid) - q.log_prob(grid))
    bits = torch.trapezoid(integrand, grid) / math.log(2)
    assert process.vb_term(x0, x_t, t, eps_hat, v).item() == pytest.approx(bits.item(), rel=1e-6)


def test_vb_term_is_differentiable_in_x_t_and_v():
    process, t = Process(SCHEDULE), torch.tensor([0, 1, 400, 999])
    x0 = draw(4, 1, 2, 2, dtype=torch.float32).clamp(-1, 1)
    x_t, v = draw(4, 1, 2, 2, seed=1).float().requires_grad_(), torch.zeros(4, 1, 2, 2, requires_grad=True)
    bits = process.vb_term(x0, process.q_sample(x0, t, x_t), t, x0.detach(), v).sum()
    for gradient in torch.autograd.grad(bits, [x_t, v]):
        assert gradient.isfinite().all() and gradient[1:3].abs().min() > 0


@pytest.mark.parametrize("mean, std", [(0.0, 0.3), (0.97, 0.01), (-2.0, 1.0)])
def test_discretised_likelihood_sums_to_one_over_the_bins(mean, std):
    levels = torch.arange(256, dtype=torch.float64) / 127.5 - 1
    log_variance = torch.tensor(2 * math.log(std), dtype=torch.float64)
    total = discretized_gaussian_log_likelihood(levels, torch.tensor(mean), log_variance).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-8)  # 256 floors of 1e-12


def test_ancestral_step_adds_noise_of_the_learned_variance():
    process, t = respaced(SCHEDULE, EVEN[5]), torch.tensor([3, 3])
    x_t, x0_hat, v, noise = (draw(2, 1, 2, 2, seed=seed) for seed in range(4))
    mean = ancestral_step(process, x_t, t, x0_hat, v, None)
    assert torch.equal(mean, process.posterior(x0_hat, x_t, t)[0])
    spread = ancestral_step(process, x_t, t, x0_hat, v, noise) - mean
    assert torch.allclose(spread, noise * (process.learned_log_variance(v, t) / 2).exp(), rtol=1e-9)


def level(half_log_snr):
    alpha = 1 / math.sqrt(1 + math.exp(-2 * half_log_snr))
    return Level(alpha, math.sqrt(1 - alpha**2), half_log_snr)


def test_first_order_dpm_solver_step_is_a_ddim_step():
    here, there = level(-1.0), level(0.5)
    x, x0_hat = draw(2, 3, 2, 2), draw(2, 3, 2, 2, seed=1)
    expected = ddim_step(x0_hat, (x - here.alpha * x0_hat) / here.sigma, there.alpha, there.sigma)
    assert torch.allclose(dpm_solver_first_order(x, x0_hat, here, there), expected, rtol=1e-12)


def test_second_order_dpm_solver_step_extrapolates_to_mid_step():
    before, here, there = level(-2.0), level(-1.0), level(0.5)
    x, x0_hat = draw(2, 3, 2, 2), draw(2, 3, 2, 2, seed=1)
    same = dpm_solver_second_order(x, x0_hat, x0_hat, before, here, there)
    assert torch.equal(same, dpm_solver_first_order(x, x0_hat, here, there))
    # A prediction linear in lambda, slope 1: half of h = 1.5 ahead of `here` it has grown by 0.75
    linear = dpm_solver_second_order(x, x0_hat, x0_hat - 1, before, here, there)
    assert torch.allclose(linear, dpm_solver_first_order(x, x0_hat + 0.75, here, there), rtol=1e-12)
