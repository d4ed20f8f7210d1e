"""Packs, the released form of records: a JSONL per suite and kind, a record a line, in the order of their addresses.

    {"format":1,"seal":"0123456789abcdef","cell":{...},"metrics":{...}, ...}
    {"format":1,"seal":"0123456789abcdef","file":"at/seed0/final/mismatch.json","run":{...}, ...}

Format and seal are those of `atbench.runtime.records`; the seal is of all else on the line. A line stands for the file
that its block ``cell`` names, or its ``file``, below the suite's folder.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.files import read_bytes, write_atomically
from atbench.runtime.json_files import parse_json
from atbench.runtime.records import Record, seal_fault, sealed, unsealed
from atbench.spec.address import Cell, Run

MOST = 256 << 20  # bytes of a pack: a record has two thousand
FILE = "file"  # what a line has beside a record, its format and its seal


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
        where = f"line {number}"
        try:
            content = parse_json(line, where)
        except UserError as error:
            self.nameless = self.nameless or str(error)
            return
        fault, name = seal_fault(content), name_of(content)
        if name is None:
            self.nameless = self.nameless or f"{where}: {fault or 'does not say which record it holds'}"
        elif name in self.names:
            self.records.pop(name, None)
            self.faults[name] = f"{where}: {name}: on another line already"
        elif fault:
            self.faults[name] = f"{where}: {name}: {fault}"
        else:
            self.records[name] = {key: value for key, value in unsealed(content).items() if key != FILE}


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
    for number, line in enumerate(read_bytes(path, MOST).removesuffix(b"\n").split(b"\n"), 1):
        pack.add(number, line)
    return pack


def _line(name: str, record: Record) -> str:
    assert FILE not in record, f"{name}: a record has no {FILE} of its own"
    content = sealed(({} if name_of(record) == name else {FILE: name}) | record)
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def name_of(content: Record) -> str | None:
    """The file that a line or record stands for, below the suite's folder; None where it does not say."""
    if FILE in content:
        return content[FILE] if isinstance(content[FILE], str) else None
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
