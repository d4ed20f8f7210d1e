"""The file of a scale on top of those that it extends, and which of them wrote a key."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError, unknown
from atbench.spec import yaml
from atbench.spec.address import NAME
from atbench.spec.yaml import Mapping, merge, read_yaml, short, without_nulls, yaml_files


def scale_file(scale: str) -> Path:
    """Where a scale stands. Raises UserError for a name that may not stand in an address."""
    file = yaml.EXPERIMENTS / "scales" / f"{scale}.yaml"
    if not isinstance(scale, str) or not re.fullmatch(NAME, scale):
        raise UserError(f"{short(file)}: {scale!r}: must be lower-case letters, digits and single hyphens")
    return file


def scale_values(scale: str) -> Mapping:
    """A scale's content after `extends:`, less what it sets to null; `{value, source, why}` constants as written.

    Raises UserError naming the file for a name that no address can hold, an unknown scale and one that extends itself.
    """
    *further, lowest = _chain(scale)
    found = _without_base(lowest)
    for name in reversed(further):
        found = without_nulls(merge(found, _without_base(name)), found, short(scale_file(name)))
    return found


def origin(scale: str, path: Sequence[str]) -> Path:
    """The file that wrote the key at ``path``, or the nearest block above it: the scale's own, or one it extends."""
    chain = _chain(scale)
    for length in range(len(path), 0, -1):
        for name in chain:
            if _holds(read_yaml(scale_file(name)), path[:length]):
                return scale_file(name)
    return scale_file(scale)


def at(scale: str, key: str) -> str:
    """A dotted key of a scale after the file that wrote it: how a refusal begins. Reads the files again."""
    return f"{short(origin(scale, key.split('.')))}: {key}"


def _without_base(scale: str) -> Mapping:
    return {key: value for key, value in read_yaml(scale_file(scale)).items() if key != "extends"}


def _chain(scale: str) -> list[str]:
    """A scale and those that it extends, one after another."""
    chain: list[str] = []
    name: Any = scale
    while name is not None:
        where = f"{short(scale_file(chain[-1]))}: extends: " if chain else ""
        if name in chain:
            raise UserError(f"{where}{name!r} is no other scale")
        if not isinstance(name, str) or not scale_file(name).is_file():
            known = [path.stem for path in yaml_files(yaml.EXPERIMENTS / "scales")]
            raise UserError(f"{where}{unknown('scale', name, known)}")
        if not re.fullmatch(NAME, name):
            raise UserError(
                f"{short(scale_file(name))}: {name!r}: must be lower-case letters, digits and single hyphens"
            )
        chain.append(name)
        name = read_yaml(scale_file(name)).get("extends")
    return chain


def _holds(values: object, path: Sequence[str]) -> bool:
    for key in path:
        if isinstance(values, dict) and "value" in values and key not in values:
            values = values["value"]  # a constant with its source
        if not isinstance(values, dict) or key not in values:
            return isinstance(values, list)  # a place in a list that stands here
        values = values[key]
    return True
