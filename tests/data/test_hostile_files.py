"""Files of strangers: each is refused in one line that names it, runs nothing, and takes little memory."""

import json
import os
import subprocess
import sys

import hostile
import pytest
from checkout import REPOSITORY

from atbench import cli

pytestmark = pytest.mark.slow  # three processes, and gigabytes of zeros
MOST = 200 << 20  # bytes beyond the idle process
HANGS = 600  # seconds: no statement about speed, but a reader that waits for a pipe would wait for ever
CASES = [(room, reader, what) for room, own in hostile.ROOMS.items() for reader in own for what in own[reader]]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """(reader, what) -> what was raised, in which words, the peak of memory, CPU seconds; a process for each room."""
    found = {}
    path = os.pathsep.join(str(REPOSITORY / folder) for folder in ("", "tests", "tests/data"))
    for room in hostile.ROOMS:
        command = [sys.executable, hostile.__file__, room, str(tmp_path_factory.mktemp(room))]
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANGS)
        assert done.returncode == 0 and "owned" not in done.stdout.splitlines(), done.stderr[-3000:]
        found |= {(reader, what): rest for reader, what, *rest in map(json.loads, done.stdout.splitlines())}
    return found


@pytest.mark.parametrize(("room", "reader", "what"), CASES, ids=[f"{reader}-{what}" for _, reader, what in CASES])
def test_a_hostile_file_is_refused_in_one_line_and_little_memory(refusals, room, reader, what, record_property):
    raised, words, taken, seconds = refusals[reader, what]
    record_property("taken", f"{taken >> 20} MB, {seconds} s")  # no test of speed: `make test-faults` tells of it
    number = list(hostile.ROOMS[room][reader]).index(what)
    assert raised == "UserError", f"{raised}: {words}"
    assert words.splitlines() == [words] and f"/{reader}{number}" in words
    assert taken < MOST, f"{taken >> 20} MB: {words}"


@pytest.mark.parametrize("protocol", ["a call", "a call in another protocol", "a bare pickle"])
def test_a_malicious_checkpoint_is_told_by_what_it_asks_for(refusals, protocol):
    assert "it asks for posix.system" in refusals["checkpoint", protocol][1]


@pytest.mark.parametrize("make", [hostile.SAMPLES["a shape of terabytes"], hostile.TORCH["a call"]])
def test_the_command_line_ends_with_one_line_and_exit_code_2(tmp_path, monkeypatch, capfd, make):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "x")
    score = ["score", "x", "--scale", "ci", "--name", "x"]
    assert cli.main(score) == 2
    assert cli.main(["import-weights", "x", "folder", "--scale", "ci"]) == 2
    output = capfd.readouterr()
    assert len(output.err.splitlines()) == 2 and all("x: " in line for line in output.err.splitlines())
    assert not output.out
