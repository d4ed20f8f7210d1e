"""One process at a time: a lock that the operating system holds, so that it ends with whoever has it."""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from atbench.runtime import processes
from atbench.runtime.files import writing

POLL = 1.0  # seconds between two looks at a lock that another holds
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)  # of some network file systems


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Wait, with a line that says for whom, until no other process holds ``path``, and hold it.

    All processes of a job are let in together. The file goes afterwards. Where the file system has no locks, a line
    says so and the work goes on.
    """
    lock = Lock(path) if processes.first() else None
    told = False
    while not all(processes.gather([lock is None or lock.take()])):
        if lock and not told:
            print(f"{path}: held by {lock.holder()}; waiting for it to end", flush=True)
            told = True
        time.sleep(POLL)
    try:
        yield
    finally:
        if lock:
            lock.release()


class Lock:
    """A file that one process holds; in it stands which."""

    def __init__(self, path: Path):
        self.path = path
        self._handle: int | None = None

    def take(self) -> bool:
        """Hold the file. False when another process does."""
        with writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                taken = self._locked(handle) and self._is_at_the_path(handle)
                if taken:
                    os.ftruncate(handle, 0)
                    os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
                    self._handle = handle
            finally:
                if self._handle is None:
                    os.close(handle)
        return taken

    def holder(self) -> str:
        """Who holds it, as that process has written."""
        try:
            return self.path.read_text(encoding="utf-8").strip() or "another process"
        except (OSError, ValueError):
            return "another process"

    def release(self) -> None:
        """Let go; the file goes first, so that nobody takes one that is about to."""
        try:
            self.path.unlink(missing_ok=True)
        finally:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def _locked(self, handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            print(f"{self.path}: no locks on this file system; see that nobody else trains this run", flush=True)
        return True

    def _is_at_the_path(self, handle: int) -> bool:
        """Whether the file is still there under its name: who held it before removes it."""
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.path))
        except FileNotFoundError:
            return False
