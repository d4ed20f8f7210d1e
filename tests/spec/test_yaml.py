"""Experiment files that would take minutes or gigabytes to read are refused before anything is made of them."""

import pytest
from spoil import refusal

from atbench.spec.yaml import MOST_BYTES, MOST_DEPTH, MOST_VALUES, read_yaml

NINE = range(9)


def laughs(first: str, joined: str) -> str:
    """Ten lines that stand for 9^10 values: each names the line above nine times."""
    lines = [f"a{k}: &a{k} {joined.format(', '.join(f'*a{k - 1}' for _ in NINE))}" for k in range(1, 10)]
    return "\n".join([f"a0: &a0 {first}", *lines])


HOSTILE = {
    "aliases": (laughs("[x]", "[{}]"), f"more than {MOST_VALUES:,} values"),
    "merged aliases": (laughs("{x: 1}", "{{<<: [{}]}}"), f"more than {MOST_VALUES:,} values"),
    "an alias within itself": ("a: &a [*a]", "within what it stands for"),
    "many values": ("a: [" + "1," * MOST_VALUES + "]", f"more than {MOST_VALUES:,} values"),
    "brackets": ("a: " + "[" * 10_000, f"more than {MOST_DEPTH} deep"),
    "dashes": ("- " * 10_000, f"more than {MOST_DEPTH} deep"),
    "bytes": ("a: " + "x" * MOST_BYTES, f"more than {MOST_BYTES:,} bytes"),
    "digits": ("a: 0x" + "f" * 100, "a whole number of more than a hundred digits"),
    "base 60": ("a: 1" + ":1" * 10_000 + ".5", "write a number in plain digits"),
    "a call": ("a: !!python/object/apply:os.system [true]", "could not determine a constructor"),
    "a repeated key": ("1: a\n'1': b", "repeated key 1"),
}


@pytest.mark.parametrize("how", HOSTILE)
def test_a_hostile_file_is_refused_by_name(tmp_path, how):
    content, words = HOSTILE[how]
    (tmp_path / "x.yaml").write_text(content)
    message = refusal(lambda: read_yaml(tmp_path / "x.yaml"))
    assert message.startswith(f"{tmp_path}/x.yaml: ") and words in message, message


def test_aliases_and_merges_of_everyday_files_are_read(tmp_path):
    (tmp_path / "x.yaml").write_text("a: &a {x: 1, y: [2, 3]}\nb: *a\nc:\n  <<: *a\n  x: 4\n")
    assert read_yaml(tmp_path / "x.yaml") == {"a": {"x": 1, "y": [2, 3]}, "b": {"x": 1, "y": [2, 3]}} | {
        "c": {"x": 4, "y": [2, 3]}
    }
