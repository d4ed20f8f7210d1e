"""Training that can be interrupted: what of a run is not published yet."""

import json
import shutil
from pathlib import Path
from typing import Any

import torch

from atbench.models.checkpoints import read_torch
from atbench.models.weights import save_weights
from atbench.runtime import processes
from atbench.runtime.files import write_atomically
from atbench.spec.address import FINAL
from atbench.spec.run import RunSpec
from atbench.training.loop import Trainer


class Scratch:
    """The unpublished part of a run, ``<run>/resume/``: snapshots so far and the last good state.

    Outputs appear only when the whole run is done, because Snakemake deletes those of a failed job.
    """

    def __init__(self, run: RunSpec):
        self.run, self.folder = run, run.address.path / "resume"
        self.log: list[dict[str, Any]] = []

    def restore(self, trainer: Trainer) -> None:
        """Continue an interrupted run of the same configuration; throw away anything else.

        A state without the snapshots before it is thrown away too: later weights would stand in for theirs.
        """
        state_file = self.folder / "state.pt"
        if state_file.exists():
            state = read_torch(state_file, "training state")
            if state.get("digest") == self.run.digest and self._holds_all_before(state["counts"]["batches"]):
                trainer.load(state)
                self.log = state["log"]
                return
            print(f"{self.folder}: of another configuration, or without a snapshot: thrown away", flush=True)
        processes.wait()  # all have seen the same file
        if processes.first():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _holds_all_before(self, batches: int) -> bool:
        return all(self.holds(step) for step, end in self.run.snapshots.items() if end < batches)

    def holds(self, step: str) -> bool:
        """Whether a snapshot is set aside."""
        return (self.folder / f"{step}.safetensors").exists()

    def keep(self, trainer: Trainer, step: str) -> None:
        """Set aside the averaged weights of a snapshot and the state to continue from."""
        if processes.first():
            file, recipe = self.folder / f"{step}.safetensors", trainer.recipe
            save_weights(file, trainer.ema.module, recipe.network_kind, recipe.network)
        self.keep_state(trainer)

    def keep_state(self, trainer: Trainer) -> None:
        """Set aside the state to continue from."""
        if processes.first():
            state = trainer.state() | {"digest": self.run.digest, "log": self.log}
            write_atomically(self.folder / "state.pt", lambda temporary: torch.save(state, temporary))

    def publish(self) -> None:
        """Copy everything to its place, then forget the scratch folder: a kill in between loses nothing.

        The folder goes in one step, by a new name: half of it would look like an interrupted run.
        """
        run = self.run.address
        for step in self.run.snapshots:
            publish(self.folder / f"{step}.safetensors", run.weights(step))
        publish(self.folder / "state.pt", run.state)
        lines = "".join(json.dumps(line) + "\n" for line in self.log)
        write_atomically(
            run.path / FINAL / "train.jsonl", lambda temporary: temporary.write_text(lines, encoding="utf-8")
        )
        removed = self.folder.with_name(f"{self.folder.name}.removed")
        shutil.rmtree(removed, ignore_errors=True)
        self.folder.rename(removed)
        shutil.rmtree(removed)


def publish(file: Path, target: Path) -> None:
    """Copy a file to its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
