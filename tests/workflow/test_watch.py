"""A watch counts what is there, says when the rest will be, and shows it on any screen."""

import json
import os
import socket
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from made_up import write_trained
from rich.console import Console

from atbench.runtime.errors import UserError
from atbench.runtime.json_files import write_json
from atbench.spec.load import load
from atbench.spec.progress import Progress, progress_of
from atbench.workflow.onlooker import look_on
from atbench.workflow.watch import Watch, glance

BENCHMARK = load("ci")
SUITE = BENCHMARK.suite("scratch")
ADM, AT = (SUITE.run(name, 0) for name in ("adm", "at"))
TABLE = "A caption.\n\n| Sampler | Method | NFE 5 |\n|:--|:--|--:|\n| DDIM | ADM | **1.25** |\n"


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def tell(run, batches, **changes) -> None:
    told = {"batches": batches, "of": run.batches, "images_per_second": 640.0, "loss": 0.25, "delta_rms": 0.001}
    path = run.address.progress
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, told | {"process": os.getpid(), "host": socket.gethostname()} | changes)


def evaluate(run, count) -> None:
    for cell in run.cells[:count]:
        cell.address.path.parent.mkdir(parents=True, exist_ok=True)
        cell.address.path.write_text("{}")
    if count == len(run.cells):
        run.address.evaluation.write_text("{}")


def watch(**changes) -> Watch:
    return Watch(BENCHMARK, ["scratch"], **changes)


def test_what_is_trained_and_evaluated_is_counted_with_what_it_rests_on():
    watching = watch()
    look = watching.look()
    assert (look.trained, look.to_train, look.evaluated, look.to_evaluate) == (0, 5, 0, 4)  # the extractor too
    write_trained(ADM)
    evaluate(ADM, len(ADM.cells) - 1)
    look = watching.look()
    assert (look.trained, look.evaluated) == (1, 0)
    assert look.evaluations == {ADM: (len(ADM.cells) - 1, len(ADM.cells))}
    evaluate(ADM, len(ADM.cells))
    assert watching.look().evaluated == 1 and not watching.look().is_over


def test_one_look_is_what_json_can_hold():
    write_trained(ADM)
    evaluate(ADM, 1)
    tell(AT, 10)
    value = glance(watch())
    assert json.loads(json.dumps(value)) == value and (value["trained"], value["to_train"]) == (1, 5)
    [training] = value["trainings"]
    left = (AT.batches - 10) * AT.suite.training.batch_size / 640
    assert (training["run"], training["batches"], training["left_s"]) == (str(AT), 10, left)
    assert value["evaluations"] == [{"run": str(ADM), "cells": 1, "cells_in_all": len(ADM.cells)}]


def test_a_record_of_another_configuration_counts_as_none():
    ADM.address.record.parent.mkdir(parents=True)
    ADM.address.record.write_text(json.dumps({"digest": "0" * 16}))
    assert watch().look().trained == 0


def test_cells_that_planning_set_back_in_time_are_to_be_made_again():
    write_trained(ADM)
    evaluate(ADM, len(ADM.cells))
    os.utime(ADM.cells[0].address.path, (1, 1))
    os.utime(ADM.address.evaluation, (1, 1))
    assert watch().look().evaluated == 0


def test_the_time_left_follows_from_the_pace_since_the_first_look():
    watching = watch(begun=time.time() - 100)
    assert watching.look().seconds_left is None
    tell(ADM, ADM.batches // 2)
    half = watching.look().seconds_left
    write_trained(ADM)
    ADM.address.progress.unlink()
    whole = watching.look().seconds_left
    assert half > whole > 100  # most of the work is left, and 100 seconds went by


def test_runs_that_are_taken_are_no_work():
    everything = [run.address for run in watch().runs]
    watching = watch(taken=everything, begun=time.time() - 100)
    watching.look()
    for run in watching.runs:
        write_trained(run)
    assert watching.look().seconds_left is None  # not a cell is made yet: nothing tells
    evaluate(ADM, len(ADM.cells))
    assert watching.look().seconds_left == pytest.approx(300, rel=0.2)  # a quarter of equal parts in 100 seconds


@pytest.mark.parametrize(
    "changes",
    [{"process": 2**22 + 1}, {"host": "elsewhere"}, {"surplus": 1}],
    ids=["its process is gone", "another machine fell silent", "of another version"],
)
def test_a_training_that_does_not_live_is_not_shown(changes):
    tell(AT, 3, **changes)
    os.utime(AT.address.progress, (1000, 1000))
    assert progress_of(AT.address) is None
    tell(AT, 3)
    assert progress_of(AT.address) == Progress(3, AT.batches, 640.0, os.getpid(), socket.gethostname(), 0.25, 0.001)


def command(*lines: str) -> list[str]:
    return [sys.executable, "-c", "\n".join(["import sys, time", "from pathlib import Path", *lines])]


def shown(words: list[str], terminal: bool, line: float = 60.0) -> tuple[int, str]:
    screen = StringIO()
    console = Console(file=screen, force_terminal=terminal, width=140, color_system=None)
    return look_on(watch(begun=time.time() - 1), words, console, line), screen.getvalue()


def test_without_a_terminal_a_line_tells_what_runs(capfd):
    tell(AT, 3)
    code, text = shown(command("print('from the command', flush=True)", "time.sleep(1)"), terminal=False, line=0.3)
    assert code == 0 and "from the command" in capfd.readouterr().out
    line = text.splitlines()[0]
    assert line.startswith(
        "ci: 0 of 5 runs trained, 0 of 4 evaluated, time not known yet; scratch/at/seed0: batch 3 of "
    )
    assert "loss 0.25, delta RMS 0.001, images/s 640, left " in line


def test_on_a_terminal_what_the_command_says_stands_above_the_board():
    tell(AT, 3)
    code, text = shown(command("print('from the [command]')", "time.sleep(1.5)"), terminal=True)
    assert code == 0
    assert text.index("from the [command]") < text.rindex("runs trained") and "images/s" in text and "640" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_the_first_table_is_shown_once_as_soon_as_it_is_there(terminal):
    path = "results/ci/tables/scratch.md"
    lines = [f"Path({path!r}).parent.mkdir(parents=True)", f"Path({path!r}).write_text({TABLE!r})", "time.sleep(2)"]
    code, text = shown(command(*lines, "print('the end')"), terminal)
    assert code == 0 and text.count(path) == 1 and "DDIM" in text and "1.25" in text
    assert not terminal or text.index(path) < text.index("the end")


def test_a_table_of_before_is_not_shown():
    path = Path("results/ci/tables/scratch.md")
    path.parent.mkdir(parents=True)
    path.write_text(TABLE)
    os.utime(path, (1000, 1000))
    assert "DDIM" not in shown(command("pass"), terminal=False)[1]


@pytest.mark.parametrize(
    ("ending", "code"), [("sys.exit(3)", 3), ("__import__('os').kill(__import__('os').getpid(), 9)", 137)]
)
def test_the_exit_code_is_that_of_the_command(ending, code):
    assert shown(command(ending), terminal=False)[0] == code


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(UserError, match="no-such-command: cannot be started"):
        shown(["no-such-command"], terminal=False)


def test_without_a_command_it_ends_where_nothing_lives():
    code, text = shown([], terminal=False)
    assert code == 0 and text.startswith("ci: 0 of 5 runs trained")
