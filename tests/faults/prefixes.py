"""Every step that publishes something, cut at each of its system calls: what a crash there would leave, continued.

    python -m faults.prefixes

A step runs once while `faults.disk` watches it, then the same command runs on what every crash would leave.
"""

import argparse
import contextlib
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from faults import disk, workflow
from faults.trials import ACCEPTED, LOST, REFUSED, SURVIVED, TRACEBACK, Ledger, Trial

from atbench.models.weights import build, save_weights
from atbench.reading import packs
from atbench.report.render import write_text
from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load
from atbench.spec.run import RunSpec
from atbench.tasks.evaluate import evaluate
from atbench.tasks.evaluate_run import evaluate_run
from atbench.tasks.reference import reference
from atbench.tasks.train import train

COMMAND = "python -m faults.prefixes"
OLD, NEW = {"value": 1, "more": "x" * 5000}, {"value": 2, "more": "y" * 9000}


@dataclass
class Step:
    """Something that publishes. ``before`` stands on the disk when it starts."""

    name: str
    before: Callable[[], object]
    action: Callable[[], object]
    forget: Callable[[], object] = lambda: None  # what the process remembers of another tree


def steps() -> list[Step]:
    """From single files to whole tasks."""
    benchmark = load("ci")
    run, parent = benchmark.suite("scratch").run("adm", 0), benchmark.extractor_run
    network = benchmark.file.model

    def weights(seed: int) -> None:
        torch.manual_seed(seed)
        save_weights(Path("weights.safetensors"), build("unet", network), "unet", network)

    def judged() -> None:
        train(parent)
        reference(benchmark.suite("scratch"))
        train(run)

    def evaluated() -> None:
        judged()
        evaluate_run(run)

    return [
        Step("a record", lambda: write_record("record.json", OLD), lambda: write_record("record.json", NEW)),
        Step("a first record", lambda: None, lambda: write_record("new/folder/record.json", NEW)),
        Step("a table", partial(write_text, Path("t.md"), "old\n" * 99), partial(write_text, Path("t.md"), "new\n")),
        Step("a pack", partial(_pack, OLD), partial(_pack, NEW)),
        Step("weights", partial(weights, 0), partial(weights, 1)),
        Step("training", lambda: None, partial(train, run)),
        Step("training over a stale record", lambda: _stale(run), partial(train, run)),
        Step("a reference", partial(train, parent), partial(reference, benchmark.suite("scratch"))),
        Step("a cell", judged, partial(evaluate, [run.cells[0]]), _forget),
        Step("the record of an evaluation", evaluated, partial(evaluate_run, run), _forget),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="steps whose name holds this")
    options = parser.parse_args()
    ledger = Ledger("prefixes", COMMAND)
    for step in steps():
        if not options.only or options.only in step.name:
            with tempfile.TemporaryDirectory(prefix="faults-") as folder, _inside(Path(folder)):
                cut(step, Path(folder), ledger)
    print(ledger.summary())


def cut(step: Step, folder: Path, ledger: Ledger) -> None:
    """A trial per crash of a step."""
    _quietly(step.before)
    step.forget()
    old = workflow.results(folder)
    with disk.Recorder(folder) as recorder:
        _quietly(step.action)
    new = workflow.results(folder)
    for moment, tree in recorder.crashes.items():
        name = f"{step.name}: {moment}"
        if ledger.has(name):
            continue
        disk.lay_out(tree, folder)
        os.chdir(folder)
        step.forget()
        ledger.add(Trial(f"{step.name} cut at each system call", name, *_judged(step, folder, old, new)))
    print(f"{step.name}: {len(recorder.crashes)} crashes", flush=True)


def _judged(step: Step, folder: Path, old: dict, new: dict) -> tuple[str, str]:
    """What a crash has left, and what the same command makes of it."""
    try:
        found = workflow.results(folder)
    except ValueError as error:
        found, torn = {}, f"a record that no one can read ({error})"
    else:
        lost = [path for path in old if path in new and found.get(path) not in (old[path], new[path])]
        torn = f"neither old nor new: {', '.join(lost)}" if lost else ""
    if torn and not _repaired_by_run(step):
        return LOST, torn
    try:
        _quietly(step.action)
    except UserError as error:
        return LOST, f"the same command refuses: {error}"
    except Exception:
        return TRACEBACK, traceback.format_exc().splitlines()[-1]
    missing, differing, _ = workflow.differences(new, workflow.results(folder))
    if missing or differing:
        return ACCEPTED, f"taken for finished: {', '.join([*missing, *differing])}"
    return (REFUSED, torn + ", made again") if torn else (SURVIVED, "")


def _repaired_by_run(step: Step) -> bool:
    """Whether the step is a command that looks at what is there before it makes anything."""
    return step.name.startswith(("training", "a cell", "the record of", "a reference"))


def _pack(record: packs.Record) -> None:
    packs.write(Path("runs.jsonl"), {"at/seed0/final/mismatch.json": record, "ip/seed0/final/mismatch.json": record})


def _stale(run: RunSpec) -> None:
    """What an earlier configuration has left."""
    train(run)
    write_record(run.address.record, read_record(run.address.record) | {"digest": "0" * 16})


def _forget() -> None:
    """Evaluation remembers weights and records by their addresses."""
    module = sys.modules["atbench.tasks.evaluate"]
    module.weights.cache_clear()
    module.run_record.cache_clear()


def _quietly(action: Callable[[], object]) -> None:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        action()


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Addresses are relative to the current folder."""
    place = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(place)


if __name__ == "__main__":
    main()
