"""Records: the JSON files that results stand in. Each carries a seal, so that what was changed by hand is refused.

    {"format": 1, "seal": "0123456789abcdef", "cell": {...}, "metrics": {...}, ...}

``format`` is the version of this form; ``seal`` is the digest of all else in the file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.runtime.json_files import read_json, write_json

Record = dict[str, Any]
FORMAT = 1
OWN = ("format", "seal")  # what a file has beside its record


def write_record(path: str | Path, record: Mapping[str, Any]) -> None:
    """Write a record with its seal, atomically. NaN and infinity are refused: they are not JSON."""
    write_json(path, sealed(record))


def read_record(path: str | Path) -> Record:
    """The record at ``path``, without its seal. Raises UserError as `read_json` does, and for a wrong seal."""
    content = read_json(path)
    if fault := seal_fault(content):
        raise UserError(f"{path}: {fault}")
    return unsealed(content)


def sealed(record: Mapping[str, Any]) -> Record:
    """A record with format and seal in front."""
    assert not {*OWN} & {*record}, f"a record has no {' or '.join(OWN)} of its own"
    content = {"format": FORMAT} | dict(record)
    return {"format": FORMAT, "seal": digest(content)} | content


def unsealed(content: Mapping[str, Any]) -> Record:
    """What a sealed file or line says beside its format and seal."""
    return {key: value for key, value in content.items() if key not in OWN}


def seal_fault(content: Mapping[str, Any]) -> str:
    """What is wrong with format and seal, in words; empty when nothing is."""
    lacking = [key for key in OWN if key not in content]
    if lacking:
        return f"lacks {' and '.join(lacking)}"
    if content["format"] != FORMAT:
        return f"of format {content['format']}, not {FORMAT}"
    found = digest({key: value for key, value in content.items() if key != "seal"})
    return "" if content["seal"] == found else "its seal does not fit its content: it was changed by hand"
