"""Which Snakemake processes live in a checkout, so that the lock of a killed one is cleared and never a living one's.

Snakemake's own locks are files without an owner: after `kill -9` or a power loss they stay. Beside them every process
holds a lock of the operating system, which ends with it.
"""

import fcntl
import os
import re
import shutil
import socket
from datetime import datetime
from pathlib import Path
from typing import IO

HERE = socket.gethostname()
NAMES = "living"  # the file with a line for each
LINE = re.compile(r"process (?P<number>\d+) on (?P<host>\S+) since ")
HELD: list[IO[str]] = []  # open for as long as this process lives


def enter(folder: Path, stays: bool) -> list[str]:
    """Clear Snakemake's locks in ``folder`` (.snakemake) unless another process lives there; returns those that live.

    stays: this process is one of them from now on. Where the file system knows no locks, nothing is cleared.
    """
    try:
        folder.mkdir(exist_ok=True)
        file = open(folder / NAMES, "a+", encoding="utf-8")  # noqa: SIM115 (held until the process ends)
        alone = _locked(file, fcntl.LOCK_EX)
        if alone:
            shutil.rmtree(folder / "locks", ignore_errors=True)
            file.truncate(0)
        file.seek(0)
        others = [line for line in file.read().splitlines() if _may_live(line)]
        if stays and _locked(file, fcntl.LOCK_SH):
            file.write(f"process {os.getpid()} on {HERE} since {datetime.now():%Y-%m-%d %H:%M}\n")
            file.flush()
            HELD.append(file)
        else:
            file.close()
    except OSError:  # a folder that cannot be written: Snakemake says so itself
        return []
    return others


def living(folder: Path) -> list[str]:
    """The Snakemake processes that live in ``folder`` (.snakemake), as they have written; changes nothing."""
    try:
        lines = Path(folder, NAMES).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return []
    return [line for line in lines if _may_live(line)]


def _may_live(line: str) -> bool:
    """Whether the process of a line lives, or is another machine's."""
    written = LINE.match(line)
    if written is None:  # cut off by a full disk: it says of no process that it lives
        return False
    try:
        os.kill(int(written["number"]), 0)
    except ProcessLookupError:
        return written["host"] != HERE
    except PermissionError:  # it lives, and is another user's
        return True
    return True


def _locked(file: IO[str], kind: int) -> bool:
    """Whether the lock was there to take, exclusively or shared with others."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
