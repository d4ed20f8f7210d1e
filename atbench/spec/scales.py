"""The file of a scale on top of those that it extends, and which of them wrote a key."""

import re
from collections.abc import Sequence
from pathlib import Path

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
    """A scale's content after `extends:`, less what it sets to null; `{value, source, why}` constants as written."""
    return _extended(scale, ())


def _extended(scale: str, above: tuple[str, ...]) -> Mapping:
    file = scale_file(scale)
    if not file.is_file():
        raise unknown("scale", scale, [path.stem for path in yaml_files(file.parent)])
    values = read_yaml(file)
    base = values.pop("extends", None)
    if base is None:
        return values
    if base in (*above, scale):
        raise UserError(f"{short(file)}: extends: {base!r} is no other scale")
    try:
        below = _extended(base, (*above, scale))
    except UserError as error:
        raise UserError(f"{short(file)}: extends: {error}") from error
    return without_nulls(merge(below, values), below, short(file))


def origin(scale: str, path: Sequence[str]) -> Path:
    """The file that wrote the key at ``path``, or the nearest block above it: the scale's own, or one it extends."""
    chain = _chain(scale)
    for length in range(len(path), 0, -1):
        for name in chain:
            if _holds(read_yaml(scale_file(name)), path[:length]):
                return scale_file(name)
    return scale_file(scale)


def _chain(scale: str) -> list[str]:
    """A scale and those that it extends, one after another."""
    base = read_yaml(scale_file(scale)).get("extends")
    return [scale, *(_chain(base) if base else [])]


def _holds(values: object, path: Sequence[str]) -> bool:
    for key in path:
        if isinstance(values, dict) and "value" in values and key not in values:
            values = values["value"]  # a constant with its source
        if not isinstance(values, dict) or key not in values:
            return isinstance(values, list)  # a place in a list that stands here
        values = values[key]
    return True
