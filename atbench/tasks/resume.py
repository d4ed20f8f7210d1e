"""Training that can be interrupted: what of a run is not published yet, and nothing of it believed unseen."""

import json
import math
import os
import re
import shutil
import time
from itertools import count
from pathlib import Path
from typing import Any

from atbench.models.checkpoints import read_torch, write_torch
from atbench.models.weights import save_weights
from atbench.runtime import processes
from atbench.runtime.device import cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, forget_temporary, link, rename, visible, write_atomically, writing
from atbench.runtime.json_files import read_json, write_json
from atbench.spec.run import RunSpec
from atbench.training.loop import Trainer

STATE = re.compile(r"state-([0-9]{7,})-([0-9a-f]{64})\.pt")  # batches, SHA-256
SECONDS = "seconds.json"
GENERATIONS = 2  # of states: where the newest is damaged, training goes on from the one before
Files = dict[str, dict[str, Any]]  # path below a run -> its SHA-256 and bytes


class Scratch:
    """The unpublished part of a run, ``<run>/resume/``: snapshots so far and the last good states.

    A state bears its hash in its name and holds those of the snapshots before it: what is cut off, empty or foreign
    shows. Outputs appear only when the whole run is done, because Snakemake deletes those of a failed job; the folder
    stays until the record is there, so that whatever is cut short is done again from it.
    """

    def __init__(self, run: RunSpec, minutes: float):
        self.run, self.folder = run, run.address.path / "resume"
        self.log: list[dict[str, Any]] = []
        self.snapshots: dict[str, str] = {}  # step -> SHA-256 of its weights
        self._begun, self._before = 0.0, {"startup": 0.0, "training": 0.0}  # CPU seconds; of the jobs before this one
        self._pause = 60 * minutes
        self._due = time.monotonic() + self._pause

    def begin(self) -> None:
        """Count the CPU seconds from now on as training, those before as the start of this job."""
        self._begun = cpu_seconds()

    def seconds(self) -> dict[str, float]:
        """CPU seconds that the run has taken so far, in all its jobs up to what was set aside."""
        now = {"startup": self._begun, "training": cpu_seconds() - self._begun}
        return {kind: round(self._before[kind] + spent, 3) for kind, spent in now.items()}

    def restore(self, trainer: Trainer) -> None:
        """Continue an interrupted run of the same configuration from its last good state.

        What is damaged is set aside under another name; what another configuration has left is thrown away.
        """
        good = processes.gather([self._last_good() if processes.first() else None])[0]
        if good is not None:
            state = read_torch(good, "training state")
            trainer.load(state)
            self.log, self.snapshots = _lines(state["log"]), dict(state["snapshots"])
            self._before |= _numbers(self.folder / SECONDS)

    def _last_good(self) -> Path | None:
        """The newest state that is whole, with all its snapshots; what is worse is out of the folder afterwards."""
        forget_temporary(self.folder)
        damaged: dict[Path, str] = {}
        for file in self._states():
            try:
                fault = self._fault_of(file)
            except OtherConfiguration:
                return self._throw_away("of another configuration")
            if fault is None:
                self._set_aside(damaged, f"training goes on from batch {_batches(file)}")
                return file
            damaged[file] = fault
        strangers = [file for file in visible(self.folder, "state*") if file not in damaged]
        damaged |= {file: f"{file.name} is no state of this version" for file in strangers}
        if damaged:
            self._set_aside({self.folder: "; ".join(damaged.values())}, "training starts over")
        return self._throw_away("without a state") if self.folder.exists() else None

    def _states(self) -> list[Path]:
        """The states, the newest first."""
        found = [path for path in visible(self.folder, "*.pt") if STATE.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_batches(path), path.stat().st_mtime_ns), reverse=True)

    def _fault_of(self, file: Path) -> str | None:
        """Why a state cannot be continued from. Raises OtherConfiguration for a good one that is not of this run."""
        try:
            if STATE.fullmatch(file.name)[2] != file_hash(file):
                return f"{file.name} is damaged"
            state = read_torch(file, "training state")
            if state.get("digest") != self.run.digest:
                raise OtherConfiguration
            for step, wanted in state["snapshots"].items():
                snapshot = self._snapshot(step)
                if not snapshot.exists():
                    return f"{snapshot.name} is missing"
                if file_hash(snapshot) != wanted:
                    return f"{snapshot.name} is damaged"
        except UserError as error:
            return str(error)
        return None

    def _throw_away(self, why: str) -> None:
        print(f"{self.folder}: {why}: thrown away", flush=True)
        self.forget()

    def _set_aside(self, damaged: dict[Path, str], then: str) -> None:
        """Give damaged files of the folder, or all of it, a name of their own, and say so."""
        names = (self.folder.with_name(f"{self.folder.name}.damaged-{number}") for number in count(1))
        aside = next(path for path in names if not path.exists())
        for path, why in damaged.items():
            print(f"{self.folder}: {why}: set aside as {aside.name}; {then}", flush=True)
            if path != self.folder:
                with writing(aside):
                    aside.mkdir(exist_ok=True)
            rename(path, aside if path == self.folder else aside / path.name)

    def _snapshot(self, step: str) -> Path:
        return self.folder / f"{step}.safetensors"

    def holds(self, step: str) -> bool:
        """Whether a snapshot is set aside."""
        return step in self.snapshots

    def keep(self, trainer: Trainer, step: str) -> None:
        """Set aside the averaged weights of a snapshot and the state to continue from."""
        if processes.first():
            file, recipe = self._snapshot(step), trainer.recipe
            save_weights(file, trainer.ema.module, recipe.network_kind, recipe.network)
            self.snapshots[step] = file_hash(file)
        self.keep_state(trainer)

    def keep_state(self, trainer: Trainer) -> None:
        """Set aside the state to continue from; the one before stays beside it."""
        if processes.first():
            write_json(self.folder / SECONDS, self.seconds())  # beside the state: equal runs have equal states
            written = self.folder / "new.pt"
            own = {"digest": self.run.digest, "log": _text(self.log), "snapshots": self.snapshots}
            write_torch(written, trainer.state() | own)
            named = self.folder / f"state-{trainer.counts['batches']:07d}-{file_hash(written)}.pt"
            rename(written, named)
            for old in self._states()[GENERATIONS:]:
                old.unlink()
        self._due = time.monotonic() + self._pause

    def keep_state_in_time(self, trainer: Trainer) -> None:
        """The same, once the minutes between two states are over."""
        if time.monotonic() >= self._due:
            self.keep_state(trainer)

    def publish(self) -> Files:
        """Put everything in its place, and return what it is. The folder stays: `forget` comes after the record.

        Raises UserError for a file that was changed since it was written.
        """
        run = self.run.address
        state = self._states()[0]
        sources = {run.weights(step): (self._snapshot(step), self.snapshots[step]) for step in self.run.snapshots}
        sources[run.state] = state, STATE.fullmatch(state.name)[2]
        for source, wanted in sources.values():
            if file_hash(source) != wanted:
                raise UserError(f"{source}: changed since it was written; the same command continues without it")
        run.record.unlink(missing_ok=True)  # of files that go now
        for folder in (run.path, run.weights_folder, run.state.parent):
            forget_temporary(folder)
        for stranger in {*visible(run.weights_folder, "*.safetensors")} - {*sources}:
            stranger.unlink()
        for target, (source, _) in sources.items():
            link(source, target)
        write_atomically(run.log, lambda temporary: temporary.write_text(_text(self.log), encoding="utf-8"))
        return files_of(run.path, [*sources, run.log])

    def forget(self) -> None:
        """Remove the folder: in one step, by a new name, for half of it would look like a damaged one."""
        removed = self.folder.with_name(f"{self.folder.name}.removed")
        shutil.rmtree(removed, ignore_errors=True)
        if self.folder.exists():
            rename(self.folder, removed)
            with writing(removed):
                shutil.rmtree(removed)


class OtherConfiguration(Exception):
    """A good state of a run that is now configured otherwise."""


def files_of(folder: Path, paths: list[Path]) -> Files:
    """What a record says of the files that it stands for."""
    return {
        path.relative_to(folder).as_posix(): {"sha256": file_hash(path), "bytes": os.path.getsize(path)}
        for path in sorted(paths)
    }


def _batches(state: Path) -> int:
    return int(STATE.fullmatch(state.name)[1])


def _text(log: list[dict[str, Any]]) -> str:
    """The log as it is published; in a state too, where the memory that its keys share would show in the bytes."""
    return "".join(json.dumps(line) + "\n" for line in log)


def _lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def _numbers(file: Path) -> dict[str, float]:
    """CPU seconds of jobs before; none where nothing tells of them."""
    try:
        found = {kind: float(value) for kind, value in read_json(file).items()}
    except (UserError, TypeError, ValueError):
        return {}
    return found if all(map(math.isfinite, found.values())) else {}
