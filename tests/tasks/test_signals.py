"""Training and evaluation as processes: told to stop, killed, started twice."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from runs import ADM, files, states_of, stop_at, train, weights_of
from spoil import spoil
from tiny import same_states

from atbench.runtime.device import STATE_VARIABLE
from atbench.runtime.records import read_record
from atbench.spec import yaml
from atbench.spec.address import Cell, Run
from atbench.spec.load import load
from atbench.spec.records import CellForm
from atbench.tasks.reference import reference

LOCK = ADM.path / "train.lock"
STOPPED = {signal.SIGTERM: 143, signal.SIGINT: 130}
# The command line with the experiment files of a test.
ATBENCH = """
import pathlib, sys
from atbench.spec import yaml
yaml.EXPERIMENTS = pathlib.Path(sys.argv[1])
from atbench.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(autouse=True)
def sixty_batches(experiments, monkeypatch):
    """Runs take 60 batches, with one snapshot after half of them."""
    spoil(experiments / "scales/ci.yaml", "suites", "scratch", {"batches": 60, "snapshots": 2, "seeds": [0]})
    monkeypatch.setenv("PYTHONPATH", str(yaml.ROOT))


def start(*arguments):
    """A command of atbench as a process of its own."""
    command = [sys.executable, "-u", "-c", ATBENCH, str(yaml.EXPERIMENTS), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def training():
    """The training of ADM as a process of its own, which has begun."""
    process = start("train", ADM)
    line = process.stdout.readline()
    assert "training on cpu from batch" in line, process.communicate()
    return process


def until(condition, process):
    """Wait for something that a living process does."""
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize("number", STOPPED)
def test_a_signal_sets_the_state_aside_and_the_same_command_continues(number, capsys):
    process = training()
    process.send_signal(number)
    process.send_signal(number)  # a second one does no harm
    _, errors = process.communicate()
    assert process.returncode == STOPPED[number]
    (state,) = states_of(ADM)
    batches = int(state.name.split("-")[1])
    told = errors.splitlines()[-1]
    assert told == f"atbench: {ADM}: stopped by {number.name} at batch {batches}; the same command continues"
    assert "Traceback" not in errors and 0 < batches < 60
    train(ADM)
    assert f"from batch {batches}\n" in capsys.readouterr().out
    ours = weights_of(ADM, "0000030", "final")
    shutil.rmtree(ADM.path)
    train(ADM)
    assert same_states(ours, weights_of(ADM, "0000030", "final"))


def test_a_second_process_waits_for_the_first_and_keeps_what_that_has_trained(monkeypatch):
    others = []

    def start_another(_):
        others.append(start("train", ADM))
        line = others[0].stdout.readline()
        assert line == f"{LOCK}: held by process {os.getpid()} on {socket.gethostname()}; waiting for it to end\n"

    stop_at(monkeypatch, 1, start_another)
    train(ADM)
    out, _ = others[0].communicate()
    assert others[0].returncode == 0 and out == f"{ADM}: current, kept\n"
    assert not LOCK.exists()


def test_a_lock_goes_with_the_process_that_was_killed(monkeypatch, capsys):
    monkeypatch.setenv(STATE_VARIABLE, "1e-9")
    first = training()
    until(lambda: states_of(ADM), first)
    first.kill()
    first.communicate()
    assert LOCK.exists() and not ADM.record.exists()
    train(ADM)
    out = capsys.readouterr().out
    assert "waiting" not in out and "from batch 0\n" not in out
    assert not LOCK.exists() and read_record(ADM.record)["counts"]["batches"] == 60


def test_an_evaluation_that_is_told_to_stop_keeps_the_cells_that_are_done():
    train(Run("ci", "extractor", "digits-cnn", 0))
    train(ADM)
    reference(load("ci").suite("scratch"))
    quick, slow = (Cell(ADM, "final", "iddpm", nfe) for nfe in (5, 1000))
    process = start("evaluate", quick.path, slow.path)
    until(quick.path.exists, process)
    process.terminate()
    process.communicate()
    assert process.returncode == -signal.SIGTERM and not slow.path.exists()
    before = CellForm.read(quick.path)
    again = start("evaluate", quick.path)
    assert f"{quick}: current, kept" in again.communicate()[0]
    assert CellForm.read(quick.path) == before


def test_an_interrupted_command_is_one_line():
    process = start("train", ADM)
    until(LOCK.exists, process)  # it has begun, but reads its images
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130 and "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("atbench: ")
    assert not [name for name in files(ADM) if "weights" in name]
