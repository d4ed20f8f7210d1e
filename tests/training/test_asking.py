"""What a perturbation may use beside the draw: the network, its last output, a memory between batches."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
import torch
from tiny import batch, run_batches, settings, trainer_of

from atbench.models.checkpoints import read_torch, write_torch
from atbench.runtime import processes
from atbench.runtime.errors import UserError
from atbench.spec.models.methods import OBJECTIVES
from atbench.training.perturbations.base import Perturbation
from atbench.training.perturbations.one_round import OneRound


@dataclass
class Asking(OneRound):
    """Asks the network, and adds nothing."""

    kind: ClassVar[str] = "asking"
    times: int = 1

    def start(self, draw, names):
        self.answers = [draw.predict(draw.state, draw.t) for _ in range(self.times)]
        return torch.zeros_like(draw.state)


@dataclass
class Remembering(Perturbation):
    """Two rounds; delta is a running mean of images, and what `move` saw is kept to be looked at."""

    kind: ClassVar[str] = "remembering"
    inner_steps: int = 2
    follow: bool = False
    free: bool = True
    mean: torch.Tensor | None = None

    def start(self, draw, names):
        self.begun = draw.previous
        now = draw.x0.mean(0, keepdim=True)
        self.mean = now if self.mean is None else 0.9 * self.mean + 0.1 * now
        return (0.1 * self.mean).expand_as(draw.state).clone()

    def move(self, draw, delta, gradient, names):
        self.seen = draw.previous
        return delta

    def observe(self, t, losses):
        self.told = t, losses

    def state(self):
        return {} if self.mean is None else {"mean": self.mean}

    def load(self, state):
        self.mean = state["mean"]


def with_perturbation(perturbation, objective="noise-prediction", **changes):
    trainer = trainer_of(settings(objective, **changes))
    trainer.perturbation = perturbation
    return trainer


def test_asking_is_counted_and_changes_no_bit_of_training():
    plain, asking = trainer_of(settings()), with_perturbation(Asking(times=2))
    for trainer in (plain, asking):
        run_batches(trainer, 0, 2)
    assert asking.counts["forward_passes"] == plain.counts["forward_passes"] + 2 * 2
    assert all(map(torch.equal, plain.parameters, asking.parameters))


def test_micro_batches_ask_for_as_much_of_the_network_as_whole_ones():
    for parts in (1, 2):
        trainer = with_perturbation(Asking(times=3), micro_batches=parts)
        run_batches(trainer, 0, 1)
        assert trainer.counts["forward_passes"] == 3 + 3


def test_an_answer_has_no_gradient_and_no_dropout():
    trainer = with_perturbation(Asking(times=2))
    run_batches(trainer, 0, 1)
    first, second = trainer.perturbation.answers
    assert torch.equal(first, second) and not first.requires_grad and trainer.model.training


SHAPES = {"noise-prediction": (8, 2, 8, 8), "classify": (8, 10)}  # of an answer; else that of the images


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_says_what_its_network_makes_of_a_state(objective):
    trainer = with_perturbation(Asking(), objective)
    run_batches(trainer, 0, 1)
    [answer] = trainer.perturbation.answers
    assert answer.shape == SHAPES.get(objective, (8, 1, 8, 8)) and answer.isfinite().all()


def test_an_answer_is_conditioned_as_the_batch_is():
    answers = []
    for label in (1, 2):
        recipe = replace(settings(), conditional=True)
        trainer = trainer_of(recipe, num_classes=10)
        with torch.no_grad():
            for parameter in trainer.parameters:
                parameter.add_(0.05)
        trainer.perturbation = Asking()
        x0, _ = batch()
        trainer.train_batch(x0, torch.full((8,), label))
        answers += trainer.perturbation.answers
    assert not torch.equal(*answers)


def test_a_round_sees_what_the_network_gave_in_the_one_before():
    trainer, outputs = with_perturbation(Remembering()), []
    trainer.model.register_forward_hook(lambda _, __, output: outputs.append(output.detach()))
    run_batches(trainer, 0, 1)
    assert trainer.perturbation.begun is None and torch.equal(trainer.perturbation.seen, outputs[0])
    assert len(trainer.model._forward_hooks) == 1  # nothing is left behind


def test_what_it_keeps_is_saved_and_taken_back(tmp_path):
    straight, first, second = (with_perturbation(Remembering()) for _ in range(3))
    run_batches(straight, 0, 4)
    run_batches(first, 0, 2)
    write_torch(tmp_path / "state.pt", first.state())
    second.load(read_torch(tmp_path / "state.pt", "training state"))
    run_batches(second, 2, 4)
    assert all(map(torch.equal, straight.parameters, second.parameters))
    assert torch.equal(straight.perturbation.mean, second.perturbation.mean)


def test_a_run_under_another_perturbation_takes_over_no_memory():
    first, second = with_perturbation(Remembering()), with_perturbation(Asking())
    run_batches(first, 0, 1)
    second.load(first.state())
    run_batches(second, 1, 2)
    assert "perturbation" not in second.state() and "perturbation" in first.state()


def test_a_memory_in_several_processes_is_refused(monkeypatch):
    trainer = with_perturbation(Remembering())
    run_batches(trainer, 0, 1)
    monkeypatch.setattr(processes, "count", lambda: 2)
    with pytest.raises(UserError, match="remembering: keeps a state between batches"):
        trainer.state()


def test_it_is_told_of_every_update():
    trainer = with_perturbation(Remembering())
    run_batches(trainer, 0, 1)
    t, losses = trainer.perturbation.told
    assert t.shape == losses.shape == (8,)
