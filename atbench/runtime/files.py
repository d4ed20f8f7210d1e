"""Result files: canonical digests, atomic writing, strict reading of the JSON of a cell."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError

BLOCKS = ("cell", "metrics", "counts", "config", "inputs", "provenance")  # of a cell's JSON


def visible(folder: str | Path, pattern: str) -> list[Path]:
    """The files of a folder that match, by name, without those that a system hides there (`._x.csv`, `.DS_Store`)."""
    return sorted(path for path in Path(folder).glob(pattern) if not path.name.startswith("."))


def digest(value: object) -> str:
    """Short SHA-256 of the key-sorted JSON of ``value``: equal content, equal digest, whatever the key order."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename: readers see the old file or the new one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    os.chmod(name, 0o644)  # mkstemp makes the file private; results are for everyone
    try:
        write(Path(name))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` as indented JSON, atomically. NaN and infinity are refused: they are not JSON."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: str | Path) -> dict[str, Any]:
    """Read a JSON object. Raises UserError naming the file when it is missing, cut off or no object."""
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON, perhaps cut off ({error})") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}: holds no JSON object")
    return value


def read_cell(path: str | Path) -> dict[str, Any]:
    """Read the record of a cell from a file of its own, and `check_cell`."""
    record = read_json(path)
    check_cell(path, record)
    return record


def check_cell(path: str | Path, record: dict[str, Any]) -> None:
    """Raises UserError unless all blocks of the cell at ``path`` are there and its metrics are numbers."""
    missing = [block for block in BLOCKS if not isinstance(record.get(block), dict)]
    if missing:
        raise UserError(f"{path}: lacks the block(s) {', '.join(missing)}")
    for key, value in record["metrics"].items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UserError(f"{path}: metrics.{key} is no number")
