"""A disk that forgets: what a folder looks like after a crash at each of the calls that change it.

While a `Recorder` watches a folder, every call of the `os` module that names, renames, removes or syncs something in it
is a moment at which the machine may stop. What was written between two calls shows in the files themselves, whatever
library wrote it. For each moment there are these crashes:

    killed       the process ends: all that was written stays
    half         the same, but of what was being written only the first half is there
    power, names the machine ends: names are kept, contents only as far as they were synced
    power        the same, and of names only what was synced with their folder
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

CALLS = ("open", "replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir", "fsync", "fdatasync")
Tree = dict[str, bytes | None]  # path below the folder -> content; None for a folder


@dataclass(frozen=True)
class Names:
    """A folder at one moment."""

    entries: dict[str, int]  # path -> number of a file or folder; two names of one file have the same
    contents: dict[int, bytes | None]  # by the numbers of `entries`

    def tree(self) -> Tree:
        return {path: self.contents[number] for path, number in self.entries.items()}


@dataclass
class Recorder:
    """Watches a folder while it is a context; `crashes` are what it saw."""

    folder: Path
    crashes: dict[str, Tree] = field(default_factory=dict)  # moment and kind -> what is found after it
    _synced: dict[int, bytes | None] = field(default_factory=dict)  # number -> content on the disk
    _kept: dict[str, int] = field(default_factory=dict)  # names on the disk
    _numbers: dict[int, int] = field(default_factory=dict)  # inode -> number of our own: systems use inodes again
    _next: int = 0
    _before: Names | None = None
    _moments: int = 0

    def __enter__(self) -> "Recorder":
        self._before = self._look()
        self._synced, self._kept = dict(self._before.contents), dict(self._before.entries)
        self._patches = [patch.object(os, name, self._watched(getattr(os, name))) for name in CALLS]
        for each in self._patches:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._patches:
            each.stop()
        self._moment("end")

    def _watched(self, call: Callable) -> Callable:
        def watched(*arguments: Any, **options: Any) -> Any:
            self._moment(f"before {call.__name__}")
            if call.__name__ in ("fsync", "fdatasync"):
                self._sync(arguments[0])
            result = call(*arguments, **options)
            self._moment(f"after {call.__name__}")
            return result

        return watched

    def _moment(self, what: str) -> None:
        """Note what every crash would leave now, unless nothing has changed since the last one."""
        now = self._look()
        if now == self._before and self._moments:
            return
        self._moments += 1
        written = [n for n, content in now.contents.items() if content and content != self._before.contents.get(n)]
        half = dict(now.contents) | {
            number: now.contents[number][: len(now.contents[number]) // 2] for number in written
        }
        on_disk = {number: self._synced.get(number, None if now.contents[number] is None else b"") for number in half}
        kept = {path: number for path, number in self._kept.items() if number in on_disk or number in self._synced}
        found = {
            "killed": now.tree(),
            "half": Names(now.entries, half).tree(),
            "power, names": Names(now.entries, on_disk).tree(),
            "power": Names(kept, self._synced | on_disk).tree(),
        }
        for kind, tree in found.items():
            if tree not in self.crashes.values():
                self.crashes[f"moment {self._moments} ({what}): {kind}"] = tree
        self._before = now

    def _sync(self, handle: int) -> None:
        """A file's content is on the disk now; of a folder, the names in it."""
        now = self._look()
        number = self._numbers.get(os.fstat(handle).st_ino)
        if number is None:
            return
        if now.contents[number] is not None:
            self._synced[number] = now.contents[number]
            return
        folders = [path for path, n in now.entries.items() if n == number]
        for folder in folders:
            inside = {path: n for path, n in now.entries.items() if os.path.dirname(path) == folder}
            self._kept = {path: n for path, n in self._kept.items() if os.path.dirname(path) != folder} | inside
            self._kept |= {folder: number}

    def _look(self) -> Names:
        found = {"": self.folder} | {p.relative_to(self.folder).as_posix(): p for p in self.folder.rglob("*")}
        inodes = {path: file.stat().st_ino for path, file in found.items()}
        seen = set(inodes.values())
        self._numbers = {inode: number for inode, number in self._numbers.items() if inode in seen}
        for inode in seen - self._numbers.keys():
            self._numbers[inode] = self._next = self._next + 1
        entries = {path: self._numbers[inode] for path, inode in sorted(inodes.items())}
        contents = {entries[path]: found[path].read_bytes() if found[path].is_file() else None for path in entries}
        return Names(entries, contents)


def lay_out(tree: Tree, folder: Path) -> None:
    """Make a folder hold what was found after a crash."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, content in sorted(tree.items()):
        target = folder / path
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
