"""Looking on while a workflow runs: how far it is, what its running jobs show, and when it will be done."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.json_files import read_json
from atbench.runtime.listing import Value
from atbench.spec.address import ROOT, Run
from atbench.spec.benchmark import Benchmark
from atbench.spec.progress import Progress, progress_of
from atbench.spec.run import RunSpec
from atbench.spec.workload import sampling_evaluations, training_passes
from atbench.workflow.times import LONG_AGO

ENOUGH = 0.01  # share of the work that has to be done before its pace says when the rest will be


@dataclass(frozen=True)
class Look:
    """What is to be seen at one moment."""

    trained: int
    to_train: int
    evaluated: int
    to_evaluate: int
    trainings: dict[RunSpec, Progress]  # those that run
    evaluations: dict[RunSpec, tuple[int, int]]  # begun: cells there, cells in all
    seconds_left: float | None  # None: nothing tells yet

    @property
    def is_over(self) -> bool:
        return self.trained == self.to_train and self.evaluated == self.to_evaluate


@dataclass(eq=False)
class Watch:
    """The runs of some suites, and of what they rest on, from now on."""

    benchmark: Benchmark
    suites: Sequence[str]
    taken: Collection[Run] = ()  # whose released weights come in place of training, which is no work
    begun: float = field(default_factory=time.time)
    _done: set[tuple[str, RunSpec]] = field(default_factory=set)  # once there, there
    _first: float | None = None  # seconds of work left at the first look

    @cached_property
    def runs(self) -> list[RunSpec]:
        return self.benchmark.needed(list(self.suites))

    @cached_property
    def judged(self) -> list[RunSpec]:
        """Those whose cells are wanted."""
        return [run for run in self.runs if run.suite.name in self.suites and run.cells]

    def look(self) -> Look:
        """How far everything is now."""
        trainings = {run: told for run in self.runs if (told := progress_of(run.address))}
        trained = {run for run in self.runs if run not in trainings and self._is_trained(run)}
        cells = {run: self._cells(run) for run in self.judged}
        evaluated = {run for run in self.judged if run in trained and cells[run] == len(run.cells)}
        begun = {
            run: (cells[run], len(run.cells))
            for run in self.judged
            if run in trained and run not in evaluated and self._is_begun(run)
        }
        awaited = [run for run in self.runs if run not in trained and run.address not in self.taken]
        left = sum(_training(run) * (1 - _share(trainings.get(run))) for run in awaited)
        left += sum(_evaluation(run) * (1 - cells[run] / len(run.cells)) for run in self.judged)
        return Look(
            trained=len(trained),
            to_train=len(self.runs),
            evaluated=len(evaluated),
            to_evaluate=len(self.judged),
            trainings=trainings,
            evaluations=begun,
            seconds_left=self._seconds(left),
        )

    def finished_table(self) -> Path | None:
        """The main table of the first suite, once it has been written since the watch began."""
        path = Path(ROOT, self.benchmark.scale, "tables", f"{self.suites[0]}.md")
        return path if path.exists() and path.stat().st_mtime >= self.begun else None

    def _seconds(self, left: float) -> float | None:
        """By the clock, as the work since the first look went; jobs may share the machine."""
        if self._first is None:
            self._first = left
        done = self._first - left
        if done <= ENOUGH * self._first:
            return 0.0 if not left else None
        return left / done * (time.time() - self.begun)

    def _is_trained(self, run: RunSpec) -> bool:
        if ("trained", run) not in self._done and _digest(run.address.record) == run.digest:
            self._done.add(("trained", run))
        return ("trained", run) in self._done

    def _cells(self, run: RunSpec) -> int:
        """Cells that are there; those that planning has set back in time are to be made again."""
        if ("evaluated", run) in self._done:
            return len(run.cells)
        there = sum(_modified(cell.address.path) > LONG_AGO[1] for cell in run.cells)
        if there == len(run.cells) and _modified(run.address.evaluation) > LONG_AGO[1]:
            self._done.add(("evaluated", run))
        return there

    def _is_begun(self, run: RunSpec) -> bool:
        return _modified(run.address.path / "evaluate.log") >= self.begun or bool(self._cells(run))


def glance(watch: Watch) -> Value:
    """What a first look shows, as JSON can hold it."""
    look = watch.look()
    running = {str(run): (told, run.suite.training.batch_size) for run, told in look.trainings.items()}
    return {
        "scale": watch.benchmark.scale,
        "trained": look.trained,
        "to_train": look.to_train,
        "evaluated": look.evaluated,
        "to_evaluate": look.to_evaluate,
        "trainings": [
            {
                "run": run,
                "batches": told.batches,
                "batches_in_all": told.of,
                "loss": told.loss,
                "delta_rms": told.delta_rms,
                "images_per_s": told.images_per_second,
                "left_s": seconds_left(told, batch),
            }
            for run, (told, batch) in running.items()
        ],
        "evaluations": [
            {"run": str(run), "cells": there, "cells_in_all": declared}
            for run, (there, declared) in look.evaluations.items()
        ],
    }


def seconds_left(told: Progress, batch: int) -> float | None:
    """Of a training that goes on as it does, with so many images in a batch."""
    return (told.of - told.batches) * batch / told.images_per_second if told.images_per_second else None


def _training(run: RunSpec) -> float:
    """Seconds of one core by the scale's own numbers: what counts is how runs compare."""
    return training_passes(run) * run.suite.queue.pass_ms / 1000


def _evaluation(run: RunSpec) -> float:
    queue = run.suite.queue
    return sampling_evaluations(run, block=1) * queue.pass_ms / 1000 + len(run.cells) * queue.cell_minutes * 60


def _share(told: Progress | None) -> float:
    return 0.0 if told is None else min(1.0, told.batches / max(told.of, 1))


def _digest(record: Path) -> str | None:
    try:
        return str(read_json(record).get("digest")) if record.exists() else None
    except UserError:  # half written, or to be made again
        return None


def _modified(path: Path) -> float:
    """When a file was written; 0 where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
