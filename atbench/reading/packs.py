"""Packs, the released form of records: a JSONL per suite and kind, a record a line, in the order of their addresses.

    {"format":1,"seal":"0123456789abcdef","cell":{...},"metrics":{...}, ...}
    {"format":1,"seal":"0123456789abcdef","file":"at/seed0/final/mismatch.json","run":{...}, ...}

``format`` is the version of this form. ``seal`` is the digest of all else on the line: it shows a number that was
changed by hand. A line stands for the file that its block ``cell`` names, or its ``file``, below the suite's folder.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, write_atomically
from atbench.spec.address import Cell, Run

Record = dict[str, Any]
FORMAT = 1
OWN = ("format", "seal", "file")  # what a line has beside its record


@dataclass
class Pack:
    """The lines of a file, by the names of the records that they stand for."""

    records: dict[str, Record] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)  # name -> what is wrong with its line
    nameless: str = ""  # what is wrong with the first line that does not say which record it holds

    @property
    def names(self) -> set[str]:
        return {*self.records, *self.faults}

    def holds(self, name: str) -> bool:
        """Whether a line stands for a record. One that cannot be read might, so no record counts as missing then."""
        return name in self.names or bool(self.nameless)

    def record(self, name: str) -> Record | None:
        """A record, None where no line stands for it. Raises UserError for a broken line."""
        if name in self.records:
            return self.records[name]
        fault = self.faults.get(name, self.nameless)
        if fault:
            raise UserError(fault)
        return None

    def add(self, number: int, line: bytes) -> None:
        """Sort in a line, counted from 1."""
        content, fault = _parsed(line)
        fault = fault or _fault(content)
        where, name = f"line {number}", name_of(content)
        if name is None:
            self.nameless = self.nameless or f"{where}: {fault or 'does not say which record it holds'}"
        elif name in self.names:
            self.records.pop(name, None)
            self.faults[name] = f"{where}: {name}: on another line already"
        elif fault:
            self.faults[name] = f"{where}: {name}: {fault}"
        else:
            self.records[name] = {key: value for key, value in content.items() if key not in OWN}


def read(path: Path) -> Pack:
    """The pack at ``path``, an empty one where there is none. An unchanged file is read once. Not to be altered."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return Pack()
    return _read(path.resolve(), stat.st_mtime_ns, stat.st_size)


def read_whole(path: Path) -> dict[str, Record]:
    """Name -> record of every line. Raises UserError for a broken one."""
    pack = read(path)
    for fault in [pack.nameless, *pack.faults.values()]:
        if fault:
            raise UserError(f"{path}: {fault}")
    return dict(pack.records)


def write(path: Path, records: Mapping[str, Record]) -> None:
    """Write records by the names of their files below the suite's folder."""
    text = "".join(_line(name, records[name]) + "\n" for name in sorted(records, key=_natural))
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


@lru_cache(maxsize=256)
def _read(path: Path, modified: int, size: int) -> Pack:
    pack = Pack()
    for number, line in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), 1):
        pack.add(number, line)
    return pack


def _line(name: str, record: Record) -> str:
    assert not {*OWN} & {*record}, f"{name}: a record has no {', '.join(OWN)} of its own"
    content = {"format": FORMAT} | ({} if name_of(record) == name else {"file": name}) | record
    sealed = {"format": FORMAT, "seal": digest(content)} | content
    return json.dumps(sealed, separators=(",", ":"), allow_nan=False)


def _parsed(line: bytes) -> tuple[Record, str]:
    """What a line says, nothing where it cannot be read, and why not."""
    try:
        content = json.loads(line)
    except ValueError as error:
        return {}, f"not valid JSON, perhaps cut off ({error})"
    return (content, "") if isinstance(content, dict) else ({}, "holds no JSON object")


def _fault(content: Record) -> str:
    """What is wrong with a line, in words; empty when nothing is."""
    lacking = [key for key in ("format", "seal") if key not in content]
    if lacking:
        return f"lacks {' and '.join(lacking)}"
    if content["format"] != FORMAT:
        return f"of format {content['format']}, not {FORMAT}"
    unsealed = {key: value for key, value in content.items() if key != "seal"}
    try:
        found = digest(unsealed)
    except ValueError:  # NaN or infinity, which are not JSON
        return "holds a number that is none"
    return "" if content["seal"] == found else "its seal does not fit its content: it was changed after the release"


def name_of(content: Record) -> str | None:
    """The file that a line or record stands for, below the suite's folder; None where it does not say."""
    if "file" in content:
        return content["file"] if isinstance(content["file"], str) else None
    try:
        axes = content["cell"]
        run = Run(axes["scale"], axes["suite"], axes["method"], int(axes["seed"]))
        path = Cell(run, axes["step"], axes["sampler"], axes["nfe"]).path
        return path.relative_to(run.path.parents[1]).as_posix()
    except (KeyError, TypeError, ValueError):
        return None


def _natural(name: str) -> list[tuple[int, str]]:
    """Key of an order in which seed 10 comes after seed 9."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
