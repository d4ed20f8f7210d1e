"""How far a running training is, for who watches: ``<run>/progress.json``, written anew every few seconds."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path

from atbench.runtime import processes
from atbench.runtime.errors import UserError
from atbench.runtime.json_files import write_json

PAUSE = 2.0  # seconds between two looks


class Progress:
    """Tells of a training by this process, in ``file``: from ``begin`` batches of ``batch_size`` images to ``end``."""

    def __init__(self, file: Path, begin: int, end: int, batch_size: int):
        self.file, self.begin, self.end, self.batch_size = file, begin, end, batch_size
        self._since = time.monotonic()
        self._due = self._since + PAUSE

    def tell(self, batches: int, shown: dict[str, float]) -> None:
        """Write how many batches are done, what the last one showed and images per second, once it is time."""
        now = time.monotonic()
        if now < self._due or not processes.first():
            return
        self._due = now + PAUSE
        images = (batches - self.begin) * self.batch_size
        told = {
            "batches": batches,
            "of": self.end,
            "images_per_second": images / (now - self._since),
            "process": os.getpid(),
            "host": socket.gethostname(),
        }
        with suppress(UserError):  # a full disk: no training ends for want of a look at it
            write_json(self.file, told | {name: shown[name] for name in ("loss", "delta_rms") if name in shown})

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *failure: object) -> None:
        """The training is over, or set aside: nothing runs here any more."""
        if processes.first():
            self.file.unlink(missing_ok=True)
