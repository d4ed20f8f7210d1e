"""Fetching a published file, where a scale asks for it and the network allows."""

import urllib.request
from collections.abc import Callable
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically

TIMEOUT = 60  # seconds without a byte


def fetch(url: str, file: Path, most: int, verify: Callable[[Path], object]) -> None:
    """Put what ``url`` names into ``file``, at most about ``most`` bytes; nothing appears that ``verify`` refuses.

    Raises UserError naming the file without a network, and whatever ``verify`` raises.
    """

    def fill(temporary: Path) -> None:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer, temporary.open("wb") as target:
                while (block := answer.read(1 << 20)) and target.tell() < most:
                    target.write(block)
        except OSError as error:  # of urllib, the socket or the disk
            raise UserError(f"{file}: download failed ({error}): get {url} elsewhere and put it there") from error
        verify(temporary)

    write_atomically(file, fill)
