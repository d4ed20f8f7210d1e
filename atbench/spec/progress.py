"""How far a running training is, as its file says that a process writes every few seconds. A torn one says nothing."""

import os
import socket
import time
from dataclasses import dataclass

from atbench.runtime.errors import UserError
from atbench.runtime.json_files import read_json
from atbench.spec.address import Run

LONGEST = 600  # seconds without a word after which a training on another machine counts as over


@dataclass(frozen=True)
class Progress:
    """One look at a training."""

    batches: int
    of: int  # batches at its end
    images_per_second: float
    process: int
    host: str
    loss: float | None = None  # of the last batch, its mean
    delta_rms: float | None = None  # length of the perturbation, RMS per dimension


def progress_of(run: Run) -> Progress | None:
    """How far a training is; None where none runs, or none that lives."""
    try:
        found = Progress(**read_json(run.progress))
        silent = time.time() - run.progress.stat().st_mtime
    except (UserError, TypeError, OSError):
        return None
    return found if _lives(found, silent) else None


def _lives(found: Progress, silent: float) -> bool:
    if found.host != socket.gethostname():
        return silent < LONGEST
    try:
        os.kill(found.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True
