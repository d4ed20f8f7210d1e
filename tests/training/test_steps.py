"""Steps within the backward pass: many weights move one after the other as they would move together."""

import gc
import math
import weakref

import pytest
from test_training import AT, EVERY, perturbation_block
from tiny import WIDE_NETWORK, batch, run_batches, same_states, settings, through_file, trainer_of

from atbench.training import steps
from atbench.training.loop import TrainingFailure

LITTLE = 2**14  # bytes of gradients that may wait here: the tiny networks of these tests hold more


def together_and_within(monkeypatch, make):
    """The trainer that ``make`` gives, made twice: all weights move together, or some after others."""
    together = make()
    monkeypatch.setattr(steps, "WAITING", LITTLE)
    return together, make()


def watched(trainer):
    """Have a trainer note, at each step of its optimizer, the bytes of gradients that it is taken with."""
    held = []
    trainer.optimizer.register_step_pre_hook(
        lambda *_: held.append(sum(p.grad.nbytes for p in trainer.parameters if p.grad is not None))
    )
    return held


@pytest.mark.parametrize(("objective", "kind"), EVERY)
def test_weights_that_move_within_the_backward_pass_move_as_they_do_together(monkeypatch, objective, kind):
    recipe = settings(objective, perturbation_block(kind))
    together, within = together_and_within(monkeypatch, lambda: trainer_of(recipe))
    held = watched(within)
    logs = [run_batches(trainer, 0, 2) for trainer in (together, within)]
    assert len(held) > within.counts["updates"]
    assert same_states(together.state(), within.state())
    for one, other in zip(*logs, strict=True):
        assert one.pop("grad_norm") == pytest.approx(other.pop("grad_norm"), rel=1e-6)
        assert one == other


@pytest.mark.parametrize("network", [{}, WIDE_NETWORK], ids=["narrow", "wide"])
def test_weights_move_once_a_batch_where_delta_moves_first(monkeypatch, network):
    recipe = settings(perturbation=AT | {"free": False})
    together, within = together_and_within(monkeypatch, lambda: trainer_of(recipe, **network))
    held = watched(within)
    for trainer in (together, within):
        run_batches(trainer, 0, 2)
    assert len(held) > within.counts["updates"] == 2
    assert same_states(together.state(), within.state())


def test_gradients_of_a_large_network_never_wait_in_numbers(monkeypatch):
    together, within = together_and_within(monkeypatch, lambda: trainer_of(settings()))
    held = {trainer: watched(trainer) for trainer in (together, within)}
    for trainer in held:
        trainer.train_batch(*batch())
    weights = [parameter.nbytes for parameter in within.parameters]
    assert held[together] == [sum(weights)] and sum(weights) > 2 * LITTLE
    assert max(held[within]) <= LITTLE + max(weights)
    assert sum(held[within]) == sum(weights)


def test_weights_wait_for_the_gradients_of_all_micro_batches(monkeypatch):
    together, within = together_and_within(monkeypatch, lambda: trainer_of(settings(micro_batches=2)))
    held = watched(within)
    for trainer in (together, within):
        run_batches(trainer, 0, 2)
    assert len(held) == 2 == within.counts["updates"]
    assert same_states(together.state(), within.state())


def test_a_trainer_of_a_large_network_goes_with_its_last_name(monkeypatch):
    monkeypatch.setattr(steps, "WAITING", LITTLE)
    trainer = trainer_of(settings())
    run_batches(trainer, 0, 1)
    weight = weakref.ref(trainer.parameters[0])
    del trainer
    gc.collect()
    assert weight() is None


def test_a_large_network_goes_on_bit_for_bit_from_its_saved_state(monkeypatch):
    monkeypatch.setattr(steps, "WAITING", LITTLE)
    unbroken, resumed = (trainer_of(settings(), seed=seed) for seed in (0, 1))
    unbroken.train_batch(*batch(0))
    resumed.load(through_file(unbroken.state()))
    for trainer in (unbroken, resumed):
        trainer.train_batch(*batch(1))
    assert same_states(unbroken.state(), resumed.state())


def test_a_large_network_stops_at_a_loss_that_is_not_finite_and_its_average_stays(monkeypatch):
    monkeypatch.setattr(steps, "WAITING", LITTLE)
    trainer = trainer_of(settings())
    run_batches(trainer, 0, 2)
    trainer.model.out[2].weight.data[0, 0, 0, 0] = math.nan
    average = {name: tensor.clone() for name, tensor in trainer.ema.module.state_dict().items()}
    with pytest.raises(TrainingFailure, match="at batch 2"):
        trainer.train_batch(*batch(2))
    assert trainer.counts["updates"] == 2
    assert same_states(average, trainer.ema.module.state_dict())
