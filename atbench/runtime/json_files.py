"""JSON in files: strictly read and within bounds, atomically written."""

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from atbench.runtime.errors import UserError
from atbench.runtime.files import read_bytes, write_atomically

MOST_JSON = 4 << 20  # bytes of a record: the smallest values, `[],`, take some twenty times their text in memory
MOST_DEPTH = 50  # of blocks in blocks; records have five
TOO_DEEP = f"not valid JSON (blocks in blocks, more than {MOST_DEPTH} deep)"
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half of a character, which no file can be written with


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
    except RecursionError as error:
        raise UserError(f"{where}: {TOO_DEEP}") from error
    if not isinstance(value, dict):
        raise UserError(f"{where}: holds no JSON object")
    if not _is_flat(value):
        raise UserError(f"{where}: {TOO_DEEP}")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A block without a second key of one name, of which JSON's readers keep the last."""
    block = dict(pairs)
    if len(block) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"repeated key {next(name for name in names if names.count(name) > 1)!r}")
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
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH):
        inner = (block.values() if isinstance(block, dict) else block for block in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return True
    return False
