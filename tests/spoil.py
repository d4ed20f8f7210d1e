"""Spoiling a file of experiments/ and reading the line with which that is refused."""

import pytest
import yaml

from atbench.runtime.errors import UserError

# Text that a shell or make would run if it were handed on bare.
COMMANDS = [
    "$(touch P)",
    "x; touch P",
    "`touch P`",
    "$(shell touch P)",
    "a'; touch P; '",
    'a"; touch P; "',
    "a & touch P",
]


def spoil(file, *path_and_value):
    """Set the value at a path of keys in a YAML file; the path is created."""
    *path, key, value = path_and_value
    content = yaml.safe_load(file.read_text())
    place = content
    for step in path:
        place = place.setdefault(step, {})
    place[key] = value
    file.write_text(yaml.safe_dump(content))


def refusal(action):
    """The one-line message with which ``action`` is refused."""
    with pytest.raises(UserError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)
