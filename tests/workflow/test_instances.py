"""The lock of a killed Snakemake is cleared by the next one, that of a living one never."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from atbench.workflow.instances import enter, living

HOLDER = """
import sys, time
from pathlib import Path
from atbench.workflow.instances import enter
enter(Path(sys.argv[1]), stays=True)
print("in", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that has entered the folder, and its lock as Snakemake writes it."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    locks(tmp_path).mkdir()
    (locks(tmp_path) / "0.output.lock").write_text("results/ci/tables/cells.csv\n")
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def locks(folder: Path) -> Path:
    return folder / "locks"


def test_the_lock_of_a_killed_process_is_cleared(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert enter(tmp_path, stays=False) == []
    assert not locks(tmp_path).exists()


def test_the_lock_of_a_living_process_stays_and_the_process_is_named(tmp_path, holder):
    (living,) = enter(tmp_path, stays=False)
    assert living.startswith(f"process {holder.pid} on ")
    assert locks(tmp_path).exists()


def test_of_two_that_lived_only_the_living_one_is_named(tmp_path, holder):
    second = subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE, text=True)
    second.stdout.readline()
    second.kill()
    second.wait()
    second.stdout.close()
    (living,) = enter(tmp_path, stays=False)
    assert f"process {holder.pid} " in living


@pytest.mark.parametrize("cut", ["", "process", "process 12", "process 1 on", "\0\0\0"])
def test_a_line_that_was_cut_off_says_of_no_process_that_it_lives(tmp_path, holder, cut):
    with (tmp_path / "living").open("a") as file:
        file.write(f"{cut}\n")
    (named,) = enter(tmp_path, stays=False)
    assert [named] == living(tmp_path) and f"process {holder.pid} " in named


def test_a_dry_run_does_not_stand_in_the_way(tmp_path):
    enter(tmp_path, stays=False)
    locks(tmp_path).mkdir()
    assert enter(tmp_path, stays=False) == []
    assert not locks(tmp_path).exists()


def test_a_folder_that_cannot_be_written_is_left_to_snakemake(tmp_path):
    (tmp_path / "file").touch()
    assert enter(tmp_path / "file" / ".snakemake", stays=True) == []
