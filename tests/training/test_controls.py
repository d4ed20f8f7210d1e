"""Controls of adversarial training: `replay` without a delta, `at-random` without an adversary; and own predictions."""

import pytest
import torch
from tiny import batch, method_of, perturbation_of, run_batches, settings, trainer_of

from atbench.diffusion.process import Process
from atbench.diffusion.schedule import cosine_schedule
from atbench.spec.budget import passes_per_batch, updates_per_batch
from atbench.spec.load import load
from atbench.training.norms import rms
from atbench.training.perturbations import make_perturbation
from atbench.training.perturbations.adversarial import AdversarialPerturbation

METHODS = load("ci").methods
REPLAY = METHODS["replay"].perturbation.written()
STEP = METHODS["at-mid"].perturbation.step_rms


def trained(perturbation, batches=3, **changes):
    """A trainer under a perturbation, after some batches, with their logs; the network has dropout."""
    trainer = trainer_of(settings(**changes), dropout=0.3)
    with torch.no_grad():
        for parameter in trainer.parameters:
            parameter.add_(0.02)
    trainer.perturbation = perturbation
    return trainer, run_batches(trainer, 0, batches)


def states_equal(a, b):
    """Whether weights, average and optimizer agree bit for bit."""
    kept = [
        [*each.model.state_dict().values(), *each.ema.module.state_dict().values()]
        + [value for state in each.optimizer.state.values() for value in state.values()]
        for each in (a, b)
    ]
    return len(kept[0]) == len(kept[1]) and all(map(torch.equal, *kept))


def declared(method, **changes):
    """The adversary of a method of methods.yaml; ``changes`` go past the ranges that the file allows."""
    written = {key: value for key, value in METHODS[method].perturbation.written().items() if key != "kind"}
    return AdversarialPerturbation(**(written | changes))


def seen_deltas(method):
    """delta of every round of a batch."""
    trainer = trainer_of(settings(), dropout=0.0)
    run_batches(trainer, 0, 60)
    trainer.perturbation, seen, losses = declared(method), [], trainer.objective.losses

    def note(model, draw, delta, follow):
        seen.append(delta.detach().clone())
        return losses(model, draw, delta, follow)

    trainer.objective.losses = note
    trainer.train_batch(*batch(99, n=64))
    return seen


# replay: equal batches, updates and images; delta alone is missing.


@pytest.mark.parametrize("timesteps", ["uniform", "loss-second-moment"])
def test_replay_is_an_ascent_of_no_length_bit_for_bit(timesteps):
    replay, replayed = trained(make_perturbation(perturbation_of(REPLAY)), timesteps=timesteps)
    ascent, ascended = trained(declared("at-mid", step_rms=0.0), timesteps=timesteps)
    assert states_equal(replay, ascent) and replay.counts == ascent.counts
    assert [log["loss"] for log in replayed] == [log["loss"] for log in ascended]


def test_replay_makes_as_many_updates_at_as_much_cost_as_at():
    replay, at_mid = METHODS["replay"], METHODS["at-mid"]
    assert updates_per_batch(replay) == updates_per_batch(at_mid) == 3
    assert passes_per_batch(replay, None) == passes_per_batch(at_mid, None) == 9
    trainer, logs = trained(make_perturbation(perturbation_of(REPLAY)), batches=2)
    assert trainer.counts == {"batches": 2, "updates": 6, "gradient_evals": 6, "forward_passes": 18}
    assert [log["delta_rms"] for log in logs] == [0, 0]


def test_replay_of_one_round_is_plain_training_bit_for_bit():
    once = make_perturbation(perturbation_of(REPLAY | {"inner_steps": 1}))
    plain = make_perturbation(perturbation_of({"kind": "none"}))
    assert states_equal(trained(once)[0], trained(plain)[0])


def test_every_round_of_a_replay_draws_its_own_dropout_on_the_same_batch():
    """With updates too small to matter, rounds differ by their masks alone; without dropout not at all."""
    losses = {}
    for dropout in (0.0, 0.3):
        trainer = trainer_of(settings(perturbation=REPLAY, learning_rate=1e-12), dropout=dropout)
        with torch.no_grad():
            for parameter in trainer.parameters:
                parameter.add_(0.02)
        seen, whole = [], trainer.objective.losses
        trainer.objective.losses = lambda *given, seen=seen, whole=whole: seen.append(whole(*given)) or seen[-1]
        run_batches(trainer, 0, 1)
        losses[dropout] = [terms["loss"].detach() for terms in seen]
    first, second, third = losses[0.3]
    assert not torch.equal(first, second) and not torch.equal(second, third)
    torch.testing.assert_close(losses[0.0][0], losses[0.0][2])


# at-random: the same K, step and ball, along one direction a batch.


def test_at_random_differs_from_at_mid_in_its_direction_alone():
    ours, base = (METHODS[name] for name in ("at-random", "at-mid"))
    assert ours.perturbation.written() == base.perturbation.written() | {"direction": "random"}
    assert ours.objective_options == base.objective_options and ours.objective == base.objective
    assert updates_per_batch(ours) == updates_per_batch(base)
    assert passes_per_batch(ours, None) == passes_per_batch(base, None)


def test_a_kept_direction_ends_as_far_out_as_the_attack_does():
    """Successive ascents point nearly the same way; a direction drawn anew at each move would end at sqrt(2) steps."""
    ends = {name: (rms(seen_deltas(name)[2]) / STEP).flatten() for name in ("at-mid", "at-random")}
    torch.testing.assert_close(ends["at-random"], torch.full_like(ends["at-random"], 2))
    assert ends["at-mid"].median() > 1.9


# The network's own predictions.


def predicting(kind, answer, **options):
    """delta of a batch at t = 0, 50, 51, 500 and 999 whose network answers ``answer(x, t, eps)``."""
    process, (x0, _) = Process(cosine_schedule()), batch(3, n=5)
    trainer = trainer_of(settings())
    draw = trainer.objective.draw(x0, None, ("own", 0))
    t = torch.tensor([0, 50, 51, 500, 999])
    state, sigma = process.q_sample(x0, t, draw.eps), process.sigma(t, x0)
    known = {"t": t, "state": state, "sigma": sigma}
    draw = type(draw)(**(vars(draw) | known | {"predict": lambda x, s: torch.cat([answer(x, s, draw.eps)] * 2, 1)}))
    return draw, make_perturbation(perturbation_of({"kind": kind, **options})).start(draw, ("own", 0)), process


def test_dream_noises_the_networks_own_estimate_again():
    draw, delta, process = predicting("dream", lambda x, t, eps: 0.9 * eps + 0.05, power=0)
    x0_hat = process.x0_from_eps(draw.state, draw.t, 0.9 * draw.eps + 0.05)
    own = process.q_sample(x0_hat, draw.t, draw.eps)
    torch.testing.assert_close((draw.state + delta)[:-1], own[:-1], rtol=1e-4, atol=1e-4)  # at 999, x0_hat is noise


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_the_power_weakens_dream_where_there_is_little_noise(power):
    draw, delta, _ = predicting("dream", lambda x, t, eps: 0 * eps, power=power)
    torch.testing.assert_close(delta, draw.sigma ** (1 + power) * draw.eps)


def test_scheduled_sampling_leaves_low_noise_and_the_last_steps_alone():
    _, delta, _ = predicting("scheduled-sampling", lambda x, t, eps: 0 * eps, steps=1, above=50)
    assert delta.flatten(1).any(1).tolist() == [False, False, True, True, False]


def test_scheduled_sampling_acts_on_its_share_of_the_samples():
    trainer = trainer_of(settings())
    deltas = []
    for index in range(40):
        x0, _ = batch(index, n=64)
        draw = trainer.objective.draw(x0, None, ("share", index))
        draw = type(draw)(**(vars(draw) | {"predict": lambda x, t: torch.zeros(len(x), 2, 8, 8)}))
        block = {"kind": "scheduled-sampling", "steps": 1, "share": 0.25, "above": 0}
        deltas.append(make_perturbation(perturbation_of(block)).start(draw, ("share", index)).flatten(1).any(1))
    assert torch.cat(deltas).float().mean().item() == pytest.approx(0.25, abs=0.03)  # of 2,560: four standard errors


@pytest.mark.parametrize(("method", "passes"), [("dream", 4), ("scheduled-sampling", 4)])
def test_own_predictions_cost_what_they_say(method, passes):
    assert passes_per_batch(METHODS[method], None) == passes
    trainer, logs = trained(make_perturbation(METHODS[method].perturbation), batches=2)
    assert trainer.counts["forward_passes"] == 2 * passes and trainer.counts["updates"] == 2
    assert all(log["delta_rms"] > 0 for log in logs)


@pytest.mark.parametrize("kind", ["dream", "scheduled-sampling"])
def test_own_predictions_of_the_noise_are_asked_of_noise_prediction_alone(kind):
    options = {"dream": {"power": 1.0}, "scheduled-sampling": {"steps": 1, "above": 50}}[kind]
    assert method_of("noise-prediction", {"kind": kind, **options}).fits
    assert not any(method_of(objective, {"kind": kind, **options}).fits for objective in ("consistency", "classify"))
