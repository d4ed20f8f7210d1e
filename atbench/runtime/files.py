"""Result files: canonical digests, atomic writing, bounded reading of bytes and JSON."""

import hashlib
import json
import math
import os
import re
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from atbench.runtime.errors import UserError

MOST_JSON = 4 << 20  # bytes of a record: the smallest values, `[],`, take some twenty times their text in memory
MOST_DEPTH = 50  # of blocks in blocks; records have five
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half of a character, which no file can be written with
KINDS = (  # of what is no file, in words
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def visible(folder: str | Path, pattern: str) -> list[Path]:
    """The files of a folder that match, by name, without those that a system hides there (`._x.csv`, `.DS_Store`)."""
    return sorted(path for path in Path(folder).glob(pattern) if not path.name.startswith("."))


def digest(value: object) -> str:
    """Short SHA-256 of the key-sorted JSON of ``value``: equal content, equal digest, whatever the key order."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_hash(path: str | Path) -> str:
    """`file_hash`, read once as long as size and time of the file stay."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    return _known_hash(os.path.realpath(path), found.st_mtime_ns, found.st_size)


@cache
def _known_hash(path: str, modified: int, size: int) -> str:
    return file_hash(path)


def open_file(path: str | Path) -> BinaryIO:
    """A regular file, or a link to one, opened for reading bytes. Raises UserError as `check_file` does."""
    check_file(path)
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def check_file(path: str | Path) -> None:
    """Raises UserError naming what is missing, or is a folder, pipe, socket or device: opening a pipe would wait."""
    try:
        found = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(found):
        raise UserError(f"{path}: {next(words for is_one, words in KINDS if is_one(found))}, not a file")


def read_bytes(path: str | Path, most: int) -> bytes:
    """The content of a regular file of at most so many bytes. Raises UserError as `open_file` does, and for more."""
    try:
        with open_file(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > most:
        raise UserError(f"{path}: more than {most:,} bytes, which no file of this kind has")
    return content


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


def read_json(path: str | Path, most: int = MOST_JSON) -> dict[str, Any]:
    """Read a JSON object of at most so many bytes. Raises UserError as `read_bytes` and `parse_json` do."""
    return parse_json(read_bytes(path, most), path)


def parse_json(text: str | bytes, where: object) -> dict[str, Any]:
    """The JSON object that ``text`` is; UTF-8, without a byte order mark.

    Raises UserError naming ``where`` it stands for what is cut off or no object, for a second key of one name, for NaN
    and infinity, which are not JSON, for half a character, and for more than MOST_DEPTH blocks in each other.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
        if SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise UserError(f"{where}: not UTF-8 text ({error.reason} at byte {error.start})") from error
    except UnicodeEncodeError as error:
        raise UserError(f"{where}: not valid JSON (half a character, \\u{ord(error.object[error.start]):x})") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON, perhaps cut off ({error})") from error
    except ValueError as error:
        raise UserError(f"{where}: not valid JSON ({error})") from error
    except RecursionError:
        value = None
    else:
        if not isinstance(value, dict):
            raise UserError(f"{where}: holds no JSON object")
    if value is None or not _is_flat(value):
        raise UserError(f"{where}: not valid JSON (blocks in blocks, more than {MOST_DEPTH} deep)")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A block without a second key of one name, of which JSON's readers keep the last."""
    block = dict(pairs)
    if len(block) < len(pairs):
        seen: set[str] = set()
        raise ValueError(f"repeated key {next(name for name, _ in pairs if name in seen or seen.add(name))!r}")
    return block


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:20]} is too large")
    return value


def _is_flat(value: object) -> bool:
    """Whether blocks stand in each other at most MOST_DEPTH deep."""
    level = [value]
    for _ in range(MOST_DEPTH):
        inner = (block.values() if isinstance(block, dict) else block for block in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return True
    return False
