"""The command under trial, in a copy of the checkout of its own, and what it leaves behind."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pandas as pd
from checkout import BIN, Checkout

SUITES = ("scratch", "consistency")
COMMAND = ("snakemake", "--cores", "2", "--config", "scale=ci", f"suites=[{','.join(SUITES)}]")
GRACE = 60.0  # seconds that a process has for its end after SIGTERM
TIMES = {"seal", "seconds", "date", "started", "finished", "commit", "dirty", "host", "machine"}  # differ between runs
UNCOMPARED = re.compile(r"\.(log|tsv)$|^\.")  # what jobs said, Snakemake's measurements of them, a killed writer's file


def run(checkout: Checkout, log: Path, stop: signal.Signals | None = None, after: float = 0.0) -> tuple[int, float]:
    """Run COMMAND; where told, signal its whole process group ``after`` seconds. Returns exit code and seconds.

    The exit code is negative where the signal ended it, as `subprocess` has it.
    """
    environment = os.environ | {"PYTHONPATH": str(checkout.folder), "PATH": f"{BIN}:{os.environ['PATH']}"}
    start = time.monotonic()
    with open(log, "ab") as file:
        process = subprocess.Popen(
            COMMAND, cwd=checkout.folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            process.wait(after if stop else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, stop)
            _wait_or_kill(process)
        except BaseException:  # the harness itself is interrupted: leave nothing behind
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return process.returncode, time.monotonic() - start


def _wait_or_kill(process: subprocess.Popen) -> None:
    """Wait until the whole group is gone, not its leader alone: what outlives it would write into the next attempt."""
    end = time.monotonic() + GRACE
    while _lives(process) and time.monotonic() < end:
        time.sleep(0.05)
    if _lives(process):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _lives(process: subprocess.Popen) -> bool:
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


def results(root: Path) -> dict[str, Any]:
    """Path -> content of every result below a folder, without the times in records: equal results are equal."""
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and not UNCOMPARED.search(path.name)]
    return {path.relative_to(root).as_posix(): _content(path) for path in files}


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """Paths that are missing, that differ, and that no undisturbed run leaves behind."""
    differing = [path for path in wanted if path in found and wanted[path] != found[path]]
    return sorted(wanted.keys() - found.keys()), differing, sorted(found.keys() - wanted.keys())


def _content(path: Path) -> Any:
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text()))
    if path.name == "cells.csv":
        frame = pd.read_csv(path, dtype=str)
        return frame[[column for column in frame if not column.startswith("seconds_")]].to_csv()
    return path.read_bytes()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return value
