"""Training contracts: every objective x perturbation, the attack's published numbers, bit-exact continuation."""

import dataclasses
import math

import pytest
import torch
from pydantic import ValidationError
from tiny import (
    CPU,
    WIDE_NETWORK,
    batch,
    method_of,
    perturbation_of,
    run_batches,
    same_states,
    settings,
    through_file,
    trainer_of,
)

from atbench.data import load as load_images
from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.models.weights import build
from atbench.rng import uniform
from atbench.runtime.errors import UserError
from atbench.spec.budget import passes_per_batch
from atbench.spec.classes import REQUIRED
from atbench.spec.load import load as load_benchmark
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS
from atbench.spec.models.scale import Data
from atbench.spec.signatures import is_number
from atbench.tasks.train import batches_of
from atbench.training.draw import Draw
from atbench.training.loop import Trainer, TrainingFailure
from atbench.training.norms import rms
from atbench.training.objectives import make_objective
from atbench.training.objectives.noise_prediction import NoisePrediction
from atbench.training.perturbations import make_perturbation
from atbench.training.perturbations.adversarial import AdversarialPerturbation
from atbench.training.timesteps import HISTORY, TIMESTEPS, UNIFORM_SHARE, LossSecondMoment, UniformTimesteps

METHODS = load_benchmark("ci").methods
SCRIPT = METHODS["at-script"].perturbation.written()
AT = {"kind": "adversarial", "inner_steps": 3, "step_rms": 0.05, "radius_rms": 0.1, "follow": True}
PROCESS = Process(cosine_schedule())


def perturbation_block(kind):
    """A `perturbation:` block for any registered kind: its required constants by their type."""
    required = {option.name: option.type for option in PERTURBATIONS[kind].options if option.default is REQUIRED}
    return {"kind": kind} | {
        name: 0.05 if is_number(of) else True if of is bool else 3 for name, of in required.items()
    }


def perturbing(block, **changes):
    """The perturbation of a `perturbation:` block."""
    return make_perturbation(perturbation_of(block | changes))


def randomise(model):
    """Draw the zero-initialised layers too, so that the first gradient has a direction."""
    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1, generator=generator)


def recorded_losses(trainer):
    """Let the trainer note (draw, delta, follow) of every inner update."""
    seen, losses = [], trainer.objective.losses

    def note(model, draw, delta, follow):
        seen.append((draw, delta.detach().clone(), follow))
        return losses(model, draw, delta, follow)

    trainer.objective.losses = note
    return seen


def l2(delta):
    return delta.flatten(1).norm(dim=1)


# Contracts over the registries: a new objective or perturbation is covered as soon as it is registered.

EVERY = [
    (objective, kind)
    for objective in OBJECTIVES
    for kind in PERTURBATIONS
    if method_of(objective, perturbation_block(kind)).fits
]


@pytest.mark.parametrize(("objective", "kind"), EVERY)
def test_every_combination_trains(objective, kind):
    trainer = trainer_of(settings(objective, perturbation_block(kind)))
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    logs = run_batches(trainer, 0, 3)
    assert all(math.isfinite(value) for log in logs for value in log.values())
    assert {"loss", "grad_norm", "delta_rms"} <= logs[0].keys()
    still = [name for name, tensor in trainer.model.state_dict().items() if torch.equal(tensor, before[name])]
    assert still == []


@pytest.mark.parametrize(("objective", "kind"), EVERY)
def test_inner_steps_are_updates_and_moving_averages(objective, kind):
    trainer, steps = trainer_of(settings(objective, perturbation_block(kind))), []
    trainer.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    run_batches(trainer, 0, 2)
    expected = 2 * trainer.perturbation.inner_steps
    assert len(steps) == expected == trainer.ema.updates
    distillation = trainer.recipe.training.distillation if objective == "consistency" else None
    passes = 2 * passes_per_batch(method_of(objective, perturbation_block(kind)), distillation)
    counts = {"batches": 2, "updates": expected, "gradient_evals": expected, "forward_passes": passes}
    assert trainer.counts == counts


@pytest.mark.parametrize(("objective", "kind"), EVERY)
def test_everything_random_is_frozen_within_a_batch(objective, kind):
    trainer = trainer_of(settings(objective, perturbation_block(kind)))
    seen = recorded_losses(trainer)
    run_batches(trainer, 0, 1)
    assert len(seen) == trainer.perturbation.inner_steps
    assert all(draw is seen[0][0] for draw, _, _ in seen)
    assert {follow for _, _, follow in seen} == {trainer.perturbation.follow}


@pytest.mark.parametrize("name", ["adm", "at", "at-script", "ip-script"])
def test_inner_steps_of_the_declared_methods(name):
    block = METHODS[name].perturbation.written()
    tuned = {key: 0.05 if value == "tuned" else value for key, value in block.items()}
    assert perturbing(tuned).inner_steps == (3 if block["kind"] == "adversarial" else 1)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ValidationError, match=r"'uniforn'.*gaussian"):
        method_of("noise-prediction", {"kind": "uniforn"})
    with pytest.raises(UserError, match=r"'denoise'.*noise-prediction"):
        make_objective(dataclasses.replace(settings(), objective="denoise"))


# The attack's published numbers (protocol section 1.6, S1) and its geometry.


@pytest.fixture(scope="module")
def script_deltas():
    """delta of the three inner updates with the constants of the authors' script at 3 x 32 x 32, step and ball."""
    size = {"image_size": 32, "in_channels": 3, "attention_resolutions": [16], "dropout": 0.0}
    trainer = trainer_of(settings(perturbation=SCRIPT), **size)
    randomise(trainer.model)
    seen = recorded_losses(trainer)
    log = trainer.train_batch(batch(n=4, channels=3, side=32)[0], None)
    return [delta for _, delta, _ in seen], log


def test_script_delta_norms(script_deltas):
    (first, second, third), _ = script_deltas
    assert torch.equal(first, torch.zeros(4, 3, 32, 32))
    torch.testing.assert_close(l2(second), torch.full((4,), 0.1), rtol=1e-5, atol=0)
    assert (l2(third) <= 0.2 * (1 + 1e-5)).all() and (l2(third) > 0).all()


def test_script_ball_never_acts(script_deltas):
    (_, second, third), log = script_deltas
    assert log["at_radius"] == 0
    torch.testing.assert_close(l2(third - second), torch.full((4,), 0.1), rtol=1e-4, atol=0)  # a whole step, uncut
    free = AdversarialPerturbation(3, SCRIPT["step_rms"], math.inf, True)
    held = perturbing(SCRIPT)
    gradient = torch.randn(second.shape, generator=torch.Generator().manual_seed(0))
    direct = second + SCRIPT["step_rms"] * gradient / rms(gradient)
    torch.testing.assert_close(held.move(None, second, gradient, ()), direct)
    assert free.radius_rms > SCRIPT["radius_rms"] > 27 * 2 * SCRIPT["step_rms"]


def test_projection_holds_a_step_that_is_longer_than_the_radius():
    perturbation = perturbing(AT, step_rms=1.0)
    gradient = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    moved = perturbation.move(None, torch.zeros_like(gradient), gradient, ())
    torch.testing.assert_close(rms(moved).flatten(), torch.full((4,), 0.1), rtol=1e-6, atol=0)
    torch.testing.assert_close(moved, 0.1 * gradient / rms(gradient))
    assert perturbation.at_radius(None, moved).tolist() == [1, 1, 1, 1]
    assert perturbation.at_radius(None, 0.99 * moved).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
def test_step_does_not_depend_on_the_size_of_the_gradient(size):
    gradient = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    moved = perturbing(AT).move(None, torch.zeros_like(gradient), size * gradient, ())
    torch.testing.assert_close(rms(moved).flatten(), torch.full((4,), AT["step_rms"]), rtol=1e-5, atol=0)


def test_zero_gradient_keeps_that_delta_alone():
    delta = 0.01 * torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    gradient = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    gradient[1] = 0
    moved = perturbing(AT).move(None, delta, gradient, ())
    assert torch.equal(moved[1], delta[1])
    assert moved.isfinite().all() and not torch.equal(moved[0], delta[0])


def test_first_gradient_from_the_zero_head_leaves_delta_at_zero():
    trainer = trainer_of(settings(perturbation=AT))
    seen = recorded_losses(trainer)
    run_batches(trainer, 0, 1)
    assert [bool(delta.any()) for _, delta, _ in seen] == [False, False, True]
    assert seen[2][1].isfinite().all()


def test_delta_climbs():
    trainer = trainer_of(settings(perturbation=AT, learning_rate=1e-12), dropout=0.0)
    randomise(trainer.model)
    seen = recorded_losses(trainer)
    x0 = batch()[0]
    trainer.train_batch(x0, None)
    with torch.no_grad():
        at = [trainer.objective.losses(trainer.model, draw, delta, False)["mse"].mean() for draw, delta, _ in seen[:3]]
    assert at[0] < at[1] < at[2]


def test_delta_of_a_sample_depends_on_that_sample_alone():
    def second_delta(x0):
        trainer = trainer_of(settings(perturbation=AT), dropout=0.0)
        randomise(trainer.model)
        seen = recorded_losses(trainer)
        trainer.train_batch(x0, None)
        return seen[1][1]

    x0, _ = batch()
    other = x0.clone()
    other[3] = -other[3]
    a, b = second_delta(x0), second_delta(other)
    keep = torch.arange(len(x0)) != 3
    torch.testing.assert_close(a[keep], b[keep], rtol=1e-5, atol=1e-7)
    assert not torch.allclose(a[3], b[3], atol=1e-3)


def test_one_inner_step_is_plain_training_bit_for_bit():
    plain, adversarial = trainer_of(settings()), trainer_of(settings(perturbation=AT | {"inner_steps": 1}))
    logs = run_batches(plain, 0, 4), run_batches(adversarial, 0, 4)
    assert same_states(plain.state(), adversarial.state())
    assert [log["loss"] for log in logs[0]] == [log["loss"] for log in logs[1]]


# The loss at a perturbed point (protocol section 1.2).


def hand_draw(t, shape, dtype=torch.float32):
    """A batch noised to the given timesteps."""
    generator = torch.Generator().manual_seed(2)
    t = torch.tensor(t)
    x0 = torch.rand(len(t), *shape, generator=generator, dtype=dtype) * 2 - 1
    eps = torch.randn(x0.shape, generator=generator, dtype=dtype)
    state, sigma = PROCESS.q_sample(x0, t, eps), PROCESS.sigma(t, x0)
    return Draw(x0, state, sigma, torch.ones(len(t), dtype=dtype), None, t, eps)


def constant_model(output):
    """A network that answers ``output`` and remembers its input."""

    def model(x, t, labels):
        model.inputs.append((x, t))
        return output

    model.inputs = []
    return model


ALL_T = [0, 1, 10, 100, 500, 900, 990, 998, 999]


@pytest.mark.parametrize("follow", [True, False])
def test_moved_target_keeps_the_implied_x0(follow):
    draw = hand_draw(ALL_T, (1, 1, 1), torch.float64)
    delta = 1e-3 * torch.sign(draw.eps)  # points away from zero, so that the target's sign is that of eps
    zeros = constant_model(torch.zeros(len(ALL_T), 2, 1, 1))
    terms = NoisePrediction(settings()).losses(zeros, draw, delta, follow)
    target = terms["mse"].sqrt().reshape(-1, 1, 1, 1) * torch.sign(draw.eps)  # one pixel: mse = target^2
    alpha = PROCESS.alpha(draw.t, draw.x0)
    implied = (draw.state + delta - draw.sigma * target) / alpha
    expected = draw.x0 if follow else draw.x0 + delta / alpha
    torch.testing.assert_close(implied, expected, rtol=1e-9, atol=1e-9)


def test_network_sees_the_perturbed_state_and_the_timestep():
    draw = hand_draw([0, 400, 999], (1, 8, 8))
    model, delta = constant_model(torch.zeros(3, 2, 8, 8)), torch.full((3, 1, 8, 8), 0.05)
    NoisePrediction(settings()).losses(model, draw, delta, True)
    x, t = model.inputs[0]
    assert torch.equal(x, draw.state + delta) and torch.equal(t, draw.t)


def test_input_perturbation_leaves_the_target_at_eps():
    draw = hand_draw([0, 30, 400, 999], (1, 8, 8))
    perturbation = perturbing({"kind": "gaussian", "gamma": 0.1})
    delta = perturbation.start(draw, ("a", 0))
    torch.testing.assert_close(l2(delta / draw.sigma) / 8, torch.full((4,), 0.1), rtol=0.3, atol=0)
    output = 0.3 * torch.randn(4, 2, 8, 8, generator=torch.Generator().manual_seed(8))
    eps_hat, v = output.chunk(2, dim=1)
    terms = NoisePrediction(settings()).losses(constant_model(output), draw, delta, perturbation.follow)
    mse = ((draw.eps - eps_hat) ** 2).flatten(1).mean(1)
    vb = PROCESS.vb_term(draw.x0, draw.state + delta, draw.t, eps_hat, v)
    torch.testing.assert_close(terms["mse"], mse)
    torch.testing.assert_close(terms["loss"], mse + vb)


def written_out(model, draw, delta, detached):
    """The loss of `delta_detach` (published) or `delta`, by hand."""
    eps_hat, v = model(draw.state + delta, draw.t).chunk(2, dim=1)
    held = delta.detach() if detached else delta
    target = draw.eps + held / draw.sigma
    mse = ((target - eps_hat) ** 2).flatten(1).mean(1)
    return mse + PROCESS.vb_term(draw.x0, draw.state + held, draw.t, eps_hat.detach(), v)


def gradient(loss, delta):
    return torch.autograd.grad(loss.sum(), delta)[0]


def test_gradient_of_delta_does_not_flow_through_the_target():
    trainer = trainer_of(settings(), dropout=0.0)
    randomise(trainer.model)
    draw = hand_draw([2, 30, 400, 990], (1, 8, 8))
    delta = (0.01 * torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))).requires_grad_()
    ours = gradient(trainer.objective.losses(trainer.model, draw, delta, True)["loss"], delta)
    detached, attached = (gradient(written_out(trainer.model, draw, delta, d), delta) for d in (True, False))
    torch.testing.assert_close(ours, detached, rtol=1e-4, atol=1e-7)
    assert not torch.allclose(ours[0], attached[0], rtol=0.1)


@pytest.mark.parametrize(("term", "trained", "spared"), [("mse", 0, 1), ("vb", 1, 0)])
def test_mse_trains_eps_and_vb_the_variance_alone(term, trained, spared):
    output = torch.full((2, 2, 8, 8), 0.1, requires_grad=True)
    draw, delta = hand_draw([0, 400], (1, 8, 8)), torch.zeros(2, 1, 8, 8)
    terms = NoisePrediction(settings()).losses(constant_model(output), draw, delta, False)
    slope = gradient(terms[term], output)
    assert slope[:, trained].any() and not slope[:, spared].any()


def test_importance_weights_enter_the_update():
    plain, weighted = trainer_of(settings()), trainer_of(settings())
    draw = weighted.objective.draw
    weighted.objective.draw = lambda *args: dataclasses.replace(draw(*args), weights=torch.full((8,), 2.0))
    norms = [trainer.train_batch(*batch())["grad_norm"] for trainer in (plain, weighted)]
    assert norms[1] == pytest.approx(2 * norms[0], rel=1e-5)


# Timesteps.


def test_uniform_timesteps_golden():
    t, weights = UniformTimesteps(1000).draw(torch.tensor([0.0, 0.0005, 0.0015, 0.5, 0.99999994]))
    assert t.tolist() == [0, 0, 1, 500, 999] and weights.tolist() == [1] * 5


def warmed(losses):
    """A loss-second-moment sampler whose t-th history is losses[t] (any number of values)."""
    sampler = LossSecondMoment(len(losses))
    for t, values in enumerate(losses):
        sampler.observe(torch.full((len(values),), t), torch.tensor(values))
    return sampler


def test_loss_second_moment_is_uniform_until_every_timestep_is_warm():
    sampler = warmed([[float(t)] * HISTORY for t in range(4)] + [[9.0] * (HISTORY - 1)])
    assert sampler.probabilities().tolist() == pytest.approx([0.2] * 5)
    u = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    t, weights = sampler.draw(u)
    assert t.tolist() == [0, 1, 2, 3, 4] and weights.tolist() == pytest.approx([1] * 5)
    sampler.observe(torch.tensor([4]), torch.tensor([9.0]))
    assert sampler.probabilities()[4] > 0.5


def test_loss_second_moment_by_hand():
    # The oldest value, 100, has left the window; the second moment of 6 x 1 and 4 x 2 is 2.2.
    sampler = warmed([[100.0] + [1.0] * 6 + [2.0] * 4, [3.0] * HISTORY, [0.0] * HISTORY])
    second = [math.sqrt(2.2), 3.0, 0.0]
    expected = [(1 - UNIFORM_SHARE) * value / sum(second) + UNIFORM_SHARE / 3 for value in second]
    assert sampler.probabilities().tolist() == pytest.approx(expected, rel=1e-12)
    edge = expected[0]
    t, weights = sampler.draw(torch.tensor([0.0, edge - 1e-4, edge + 1e-4, 0.9999, 0.99999994]))
    assert t.tolist() == [0, 0, 1, 2, 2]
    assert weights.tolist() == pytest.approx([1 / (3 * expected[i]) for i in t.tolist()], rel=1e-5)


def test_weights_keep_the_loss_unbiased():
    sampler = warmed([[0.1 + t] * HISTORY for t in range(20)])
    values = torch.linspace(-1, 3, 20, dtype=torch.float64).exp()
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000  # an even grid: no sampling error
    t, weights = sampler.draw(u)
    assert (weights * values[t]).mean().item() == pytest.approx(values.mean().item(), rel=1e-4)


def test_both_samplers_agree_while_the_histories_are_cold():
    u = uniform((2000,), "timesteps", 0)
    assert torch.equal(LossSecondMoment(1000).draw(u)[0], UniformTimesteps(1000).draw(u)[0])


@pytest.mark.parametrize("name", sorted(TIMESTEPS))
def test_sampler_state_round_trip(name):
    def fed(losses, sampler):
        for index in range(losses):
            sampler.observe(torch.tensor([0, 1, 1, 2, 3]), torch.linspace(0, 1, 5) + index)
        return sampler

    original, copy = fed(12, TIMESTEPS[name](4)), TIMESTEPS[name](4)
    copy.load(through_file(original.state()))
    u = torch.linspace(0, 0.999, 50)
    assert same_states(original.draw(u), copy.draw(u))
    assert same_states(fed(3, original).state(), fed(3, copy).state())
    assert same_states(original.draw(u), copy.draw(u))


# Continuation, common random numbers, failures.

RESUMED = {
    "adm": settings(),
    "at": settings(perturbation=AT),
    "ip": settings(perturbation={"kind": "gaussian", "gamma": 0.1}),
    "loss-second-moment": settings(timesteps="loss-second-moment"),
    "at, loss-second-moment": settings(perturbation=AT, timesteps="loss-second-moment"),
    "decay average": settings(ema={"decay": 0.9}),
    "classify": settings("classify"),
}


def warm_up(trainer):
    """Fill the timestep histories, so that they steer the draws; nothing to do for the uniform sampler."""
    timesteps = getattr(trainer.objective, "timesteps", None)
    if isinstance(timesteps, LossSecondMoment):
        timesteps.history = torch.rand(timesteps.history.shape, generator=torch.Generator().manual_seed(4)).double()
        timesteps.count = torch.full_like(timesteps.count, HISTORY)


@pytest.mark.parametrize("name", RESUMED)
def test_stopped_and_resumed_is_unbroken_bit_for_bit(name):
    unbroken = trainer_of(RESUMED[name])
    warm_up(unbroken)
    run_batches(unbroken, 0, 3)
    state = through_file(unbroken.state())
    logs = run_batches(unbroken, 3, 6)
    resumed = trainer_of(RESUMED[name], seed=99)
    resumed.load(state)
    assert run_batches(resumed, 3, 6) == logs
    assert same_states(resumed.state(), unbroken.state())


def test_weights_of_a_base_run_start_fresh_otherwise():
    base, tuned = trainer_of(settings(perturbation=AT)), trainer_of(settings(), seed=99)
    run_batches(base, 0, 2)
    tuned.start_from(through_file(base.state()), same_objective=True)
    assert same_states(tuned.model.state_dict(), base.model.state_dict())
    assert same_states(tuned.ema.module.state_dict(), base.ema.module.state_dict())
    assert tuned.ema.updates == 6
    assert tuned.counts["batches"] == 0 and tuned.optimizer.state_dict()["state"] == {}


@pytest.fixture(scope="module")
def digits():
    return load_images(Data(name="digits"), "train")


def recipe_of(method):
    recipe = load_benchmark("ci").suite("scratch").run(method, 0).recipe
    return dataclasses.replace(recipe, training=recipe.training.model_copy(update={"batch_size": 8}))


def trained_recipe(recipe, images, start, end, state=None):
    """A trainer of a recipe that ran the batches start..end."""
    torch.manual_seed(0)
    trainer = Trainer(build("unet", recipe.network), recipe, CPU)
    if state is not None:
        trainer.load(state)
    batches = batches_of(images, recipe)
    for index in range(start, end):
        trainer.train_batch(*batches.batch(index))
    return trainer


def test_three_times_the_batches_is_one_long_run(digits):
    short = trained_recipe(recipe_of("adm"), digits, 0, 2)
    continued = trained_recipe(recipe_of("adm-3x"), digits, 2, 6, through_file(short.state()))
    assert same_states(continued.state(), trained_recipe(recipe_of("adm"), digits, 0, 6).state())


def drawn(method, images):
    """(x0, t, eps) of the first two batches of a method."""
    recipe = recipe_of(method)
    trainer = trained_recipe(recipe, images, 0, 0)
    seen, batches = recorded_losses(trainer), batches_of(images, recipe)
    for index in range(2):
        trainer.train_batch(*batches.batch(index))
    firsts = seen[:: trainer.perturbation.inner_steps]
    return [(draw.x0, draw.t, draw.eps) for draw, _, _ in firsts]


def test_methods_of_one_seed_see_the_same_draws(digits):
    adm, ip, at = (drawn(method, digits) for method in ("adm", "ip", "at"))
    assert same_states(adm, ip) and same_states(adm, at)
    assert not torch.equal(adm[0][1], adm[1][1]) and not torch.equal(adm[0][2], adm[1][2])


@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_training_leaves_nothing_to_the_global_generator(kind):
    losses = []
    for seed in (1, 2):
        trainer = trainer_of(settings(perturbation=perturbation_block(kind)))
        torch.manual_seed(seed)
        losses.append([log["loss"] for log in run_batches(trainer, 0, 2)])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind", PERTURBATIONS)
def test_a_loss_that_is_not_finite_stops_at_that_batch(kind, value):
    trainer = trainer_of(settings(perturbation=perturbation_block(kind)))
    run_batches(trainer, 0, 2)
    updates = trainer.counts["updates"]
    trainer.model.out[2].weight.data[0, 0, 0, 0] = value
    before = trainer.ema.module.out[2].weight.clone()
    with pytest.raises(TrainingFailure, match="at batch 2") as caught:
        trainer.train_batch(*batch(2))
    assert isinstance(caught.value, UserError) and "\n" not in str(caught.value)
    assert caught.value.values["batches"] == 2 and not math.isfinite(caught.value.values["loss"])
    assert trainer.counts["updates"] == updates
    assert torch.equal(trainer.ema.module.out[2].weight, before)


def test_class_labels_reach_a_conditional_network():
    trainer = trainer_of(settings(conditional=True), num_classes=10)
    seen = recorded_losses(trainer)
    x0, labels = batch()
    trainer.train_batch(x0, labels)
    assert torch.equal(seen[0][0].labels, labels)
    assert trainer.model.label_emb.weight.grad is None and trainer.counts["updates"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("network", [{"dropout": 0.3}, WIDE_NETWORK], ids=["narrow", "wide"])
def test_a_compiled_network_trains_alike_dropout_and_inner_updates_included(network):
    plain, compiled = (trainer_of(settings(perturbation=AT, compiled=on), **network) for on in (False, True))
    logs = []
    for trainer in (plain, compiled):
        randomise(trainer.model)
        logs.append(run_batches(trainer, 0, 3))
    assert plain.model.state_dict().keys() == compiled.model.state_dict().keys()
    for one, other in zip(*logs, strict=True):
        assert other == pytest.approx(one, rel=1e-3) and one["delta_rms"] > 0
