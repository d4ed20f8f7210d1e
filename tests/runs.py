"""The runs of the ci scale that tests train, break off and compare."""

from pathlib import Path

import pytest
from safetensors.torch import load_file

from atbench.spec.address import Run
from atbench.spec.load import load_run
from atbench.tasks import train as training
from atbench.training.loop import Trainer

ADM, AT, LONG = (Run("ci", "scratch", method, 0) for method in ("adm", "at", "adm-3x"))


def train(run):
    training.train(load_run(run))


def files(run):
    return sorted(str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file())


def weights_of(run, *steps, folder="."):
    """Parameter name -> tensor of several snapshots, side by side."""
    found = {step: load_file(Path(folder) / run.weights(step)) for step in steps}
    return {(step, name): tensor for step, tensors in found.items() for name, tensor in tensors.items()}


def stop_at(patch, batch, act):
    """Let ``act(trainer)`` happen just before the batch of that index is trained."""
    original = Trainer.train_batch

    def train_batch(self, x0, labels):
        if self.counts["batches"] == batch:
            act(self)
        return original(self, x0, labels)

    patch.setattr(Trainer, "train_batch", train_batch)


def interrupt(trainer):
    raise KeyboardInterrupt


def interrupted(run, batch):
    """Start a run and break it off before the batch of that index."""
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, batch, interrupt)
        with pytest.raises(KeyboardInterrupt):
            train(run)


def states_of(run):
    """The states of an unfinished run, the oldest first."""
    return sorted((run.path / "resume").glob("state-*.pt"))
