"""The adversary's options: norms and their balls, directions, noise levels, and who is updated when."""

import pytest
import torch
from pydantic import ValidationError
from tiny import CPU, perturbation_of, run_batches, settings, trainer_of

from atbench.data import load as load_images
from atbench.data.batches import Batches
from atbench.runtime.files import digest
from atbench.spec.budget import updates_per_batch
from atbench.spec.load import load
from atbench.spec.models.methods import PERTURBATIONS
from atbench.spec.models.scale import Data
from atbench.tasks.train import new_trainer
from atbench.training.draw import Draw
from atbench.training.norms import NORMS, make_norm, rms
from atbench.training.objectives.noise_prediction import NoisePrediction
from atbench.training.perturbations import make_perturbation
from atbench.training.perturbations.adversarial import DIRECTIONS

AT = {"kind": "adversarial", "inner_steps": 3, "step_rms": 0.05, "radius_rms": 0.1, "follow": True}
NAMES = ("test", 0, "train", 0)


def adversary(**changes):
    return make_perturbation(perturbation_of(AT | changes))


def normal(seed, n=5):
    return torch.randn(n, 2, 4, 4, generator=torch.Generator().manual_seed(seed))


def draw_at(sigma):
    state = torch.zeros(len(sigma), 2, 4, 4)
    return Draw(state, state, torch.tensor(sigma).reshape(-1, 1, 1, 1), torch.ones(len(sigma)), None, None, state)


@pytest.mark.parametrize("name", NORMS)
def test_steepest_direction_has_size_one_and_beats_every_other(name):
    norm, gradient = make_norm(name), normal(0)
    best = norm.steepest(gradient)
    torch.testing.assert_close(norm.size(best), torch.ones(5, 1, 1, 1))
    torch.testing.assert_close(rms(best), torch.ones(5, 1, 1, 1))  # matched: the longest deltas of every ball
    gain = (best * gradient).sum((1, 2, 3))
    for seed in range(1, 30):
        other = normal(seed)
        assert (gain >= (other / norm.size(other) * gradient).sum((1, 2, 3))).all()


@pytest.mark.parametrize("name", NORMS)
def test_projection_is_the_nearest_point_of_the_ball(name):
    norm, delta, radius = make_norm(name), normal(0).double(), torch.tensor([0.05, 0.2, 0.5, 1.0, 100.0]).double()
    held = norm.project(delta, radius.reshape(-1, 1, 1, 1))
    assert (norm.size(held).flatten() <= radius * (1 + 1e-9)).all()
    torch.testing.assert_close(held[4], delta[4])  # inside already
    for seed in range(1, 30):  # a projection onto a convex set: <delta - held, point - held> <= 0 for its points
        point = normal(seed).double()
        point = point / norm.size(point) * radius.reshape(-1, 1, 1, 1)
        assert (((delta - held) * (point - held)).sum((1, 2, 3))[:4] <= 1e-9).all()


@pytest.mark.parametrize("name", NORMS)
def test_a_zero_gradient_has_no_direction(name):
    gradient = normal(0)
    gradient[1] = 0
    best = make_norm(name).steepest(gradient)
    assert best.isfinite().all() and not best[1].any() and best[0].any()


def test_l1_moves_one_dimension_and_the_cube_all_of_them():
    gradient = normal(0)
    assert ((make_norm("l1").steepest(gradient) != 0).sum((1, 2, 3)) == 1).all()
    assert (make_norm("linf").steepest(gradient).abs() == 1).all()


def test_directions():
    gradient, zero = normal(0), torch.zeros(5, 2, 4, 4)
    moved = {d: adversary(direction=d).move(None, zero, gradient, NAMES) for d in DIRECTIONS}
    assert torch.equal(moved["opposite"], -moved["gradient"])
    for delta in moved.values():
        torch.testing.assert_close(rms(delta).flatten(), torch.full((5,), AT["step_rms"]))
    perturbation = adversary(direction="random")
    again = perturbation.move(None, zero, normal(1), NAMES)
    assert torch.equal(again, moved["random"])  # the gradient plays no part
    assert not torch.equal(perturbation.move(None, zero, gradient, (*NAMES[:-1], 1)), again)  # the batch does
    torch.testing.assert_close(perturbation.move(None, again, gradient, NAMES), 2 * again)  # one direction per batch


def test_delta_moves_only_at_noise_levels_within_the_range():
    gradient, zero = normal(0, 3), torch.zeros(3, 2, 4, 4)
    perturbation = adversary(sigma_range=[0.2, 0.6])
    moved = perturbation.move(draw_at([0.1, 0.2, 0.6]), zero, gradient, NAMES)
    assert moved.flatten(1).any(1).tolist() == [False, True, False]


@pytest.mark.parametrize(("key", "value"), [("norm", "l3"), ("direction", "sideways")])
def test_unknown_options_are_refused(key, value):
    with pytest.raises(ValidationError, match=rf"{key}\n.*'{value}'"):
        adversary(**{key: value})


def test_pgd_updates_the_parameters_once_and_forms_no_other_gradient():
    trainer = trainer_of(settings(perturbation=AT | {"free": False}))
    seen = []
    trainer.optimizer.register_step_pre_hook(
        lambda *_: seen.append([p.grad.clone() for p in trainer.parameters if p.grad is not None])
    )
    run_batches(trainer, 0, 2)
    assert len(seen) == 2 == trainer.counts["updates"] == trainer.ema.updates
    assert trainer.counts["gradient_evals"] == 6 and trainer.counts["forward_passes"] == 2 * (2 + 2 + 3)


def test_pgd_ascends_on_fixed_parameters():
    """With updates too small to matter, PGD's last delta is the free adversary's."""
    logs = {}
    for free in (True, False):
        trainer = trainer_of(settings(perturbation=AT | {"free": free}, learning_rate=1e-12), dropout=0.0)
        with torch.no_grad():
            for parameter in trainer.parameters:
                parameter.add_(0.05)
        logs[free] = run_batches(trainer, 0, 1)[0]
    assert logs[True]["delta_rms"] > 0.05
    assert logs[False]["loss"] == pytest.approx(logs[True]["loss"], rel=1e-5)


# The ablations as they are declared.

CI = load("ci")
DECLARED = [(suite, method) for suite in ("ablations", "placement") for method in CI.suite(suite).methods]


@pytest.mark.parametrize(("suite", "method"), DECLARED)
def test_every_ablation_trains(suite, method):
    images, run = load_images(Data(name="digits"), "train"), CI.suite(suite).run(method, 0)
    trainer = new_trainer(run.recipe, images, CPU)
    with torch.no_grad():
        trainer.model.out[2].weight.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
    trainer.objective.prepare(trainer.model, trainer.ema.module)
    before = trainer.model.out[2].weight.clone()
    log = trainer.train_batch(*Batches(images, 64, ("test",), flip=False).batch(0))
    assert not torch.equal(trainer.model.out[2].weight, before)
    assert (log["delta_rms"] > 0) != PERTURBATIONS[run.method.perturbation.kind].constants["plain"]
    assert trainer.counts["forward_passes"] == run.passes_per_batch
    assert trainer.counts["updates"] == updates_per_batch(run.method)


def test_ablations_differ_in_perturbation_gradient_and_learning_rate_alone():
    methods = [method for method in CI.suite("ablations").methods if method != "adm-3x"]
    trained = [CI.suite("ablations").run(method, 0).slice for method in methods]
    assert len({digest(config) for config in trained}) == len(trained)
    shared = [{**config, "perturbation": None, "learning_rate": None, "target_gradient": None} for config in trained]
    assert all(config == shared[0] for config in shared)


def test_a_method_says_only_how_it_differs():
    base, held, suite = CI.methods["at-mid"], CI.methods["at-held"], CI.suite("ablations")
    assert held.perturbation.written() == base.perturbation.written() | {"radius_rms": 0.00625}
    assert suite.run("at", 0).recipe.perturbation.step_rms == 0.0006
    assert suite.lineage["at-held"] == ("at", "at-mid", "at-held")
    rates = {method: suite.run(method, 0).recipe.learning_rate for method in ("adm", "at-third-rate")}
    assert rates["at-third-rate"] == pytest.approx(rates["adm"] / 3)


def test_only_the_whole_gradient_ascends_on_the_loss_that_is_trained():
    """For the best linear prediction the published gradient points down (see tests/mismatch)."""
    slope = 0.5  # eps_hat = slope * x_t

    class Network(torch.nn.Module):
        def forward(self, x, t, labels):
            return torch.cat([slope * x, torch.zeros_like(x)], 1)

    x0 = torch.rand(64, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    climbed = {}
    for whole in (False, True):
        objective = NoisePrediction(settings(), target_gradient=whole)
        draw = objective.draw(x0, None, NAMES)
        delta = torch.zeros_like(x0, requires_grad=True)
        before = objective.losses(Network(), draw, delta, True)["mse"]
        (gradient,) = torch.autograd.grad(before.sum(), delta)
        moved = adversary(step_rms=1e-3).move(draw, delta.detach(), gradient, NAMES)
        climbed[whole] = objective.losses(Network(), draw, moved, True)["mse"] > before
    assert climbed[True].all() and not climbed[False].any()
