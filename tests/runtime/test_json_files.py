"""JSON and files from elsewhere: strictly read, within bounds, and refused in one line."""

import os

import pytest
from spoil import refusal

from atbench.runtime.errors import LONGEST, UserError
from atbench.runtime.files import file_hash, open_file, read_bytes
from atbench.runtime.json_files import MOST_DEPTH, MOST_JSON, parse_json, read_json

WRONG = {
    "cut off": ('{"a": [1, 2', "perhaps cut off"),
    "no object": ("[1]", "holds no JSON object"),
    "a second key of one name": ('{"b": {"a": 1, "a": 2}}', "repeated key 'a'"),
    "NaN": ('{"a": NaN}', "NaN is no number"),
    "infinity": ('{"a": -Infinity}', "-Infinity is no number"),
    "a number that overflows": ('{"a": 1e999}', "1e999 is too large"),
    "a number of many digits": ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
    "half a character": ('{"a": "\\ud800"}', "half a character"),
    "no text": (b'{"a": "\xff"}', "not UTF-8 text"),
    "too deep": ('{"a":' * (MOST_DEPTH + 1) + "1" + "}" * (MOST_DEPTH + 1), f"more than {MOST_DEPTH} deep"),
    "far too deep": ('{"a":' + "[" * 100_000, f"more than {MOST_DEPTH} deep"),
}


@pytest.mark.parametrize("how", WRONG)
def test_json_that_says_less_or_more_than_it_should_is_refused(how):
    text, words = WRONG[how]
    message = refusal(lambda: parse_json(text, "cells.jsonl: line 3"))
    assert message.startswith("cells.jsonl: line 3: ") and words in message, message


def test_json_is_read_as_it_stands():
    text = '{"a": [1, 2.5, null, "\\ud83d\\ude00", {"b": true}], "": {}}'
    expected = {"a": [1, 2.5, None, "😀", {"b": True}], "": {}}
    assert parse_json(text, "x") == parse_json(text.encode(), "x") == expected
    deep = '{"a":' * (MOST_DEPTH - 1) + "{}" + "}" * (MOST_DEPTH - 1)
    assert parse_json(deep, "x").keys() == {"a"}


def test_a_record_of_more_bytes_than_records_have_is_not_read(tmp_path):
    file = tmp_path / "cell.json"
    file.write_bytes(b'{"a": "' + b"x" * MOST_JSON + b'"}')
    assert f"{file}: more than" in refusal(lambda: read_json(file))


NO_FILES = {
    "pipe": (os.mkfifo, "a pipe, not a file"),
    "folder": (os.mkdir, "a folder, not a file"),
    "device": (lambda path: os.symlink("/dev/zero", path), "a device, not a file"),
    "link to nowhere": (lambda path: os.symlink("nowhere", path), "No such file"),
    "link to itself": (lambda path: os.symlink(path, path), "symbolic links"),
}


@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("read", [open_file, file_hash, read_json, lambda path: read_bytes(path, 10)])
def test_what_is_no_file_is_refused_without_waiting_for_it(tmp_path, what, read):
    make, words = NO_FILES[what]
    make(tmp_path / "x.json")
    message = refusal(lambda: read(tmp_path / "x.json"))
    assert f"{tmp_path / 'x.json'}: " in message and words in message


def test_a_message_is_one_line_whatever_a_name_holds():
    message = str(UserError("a\nb\r\x1b[2Jc\u2028d: caf\u00e9" + "x" * 3 * LONGEST))
    assert message.splitlines() == [message] and message.isprintable() and "caf\u00e9" in message
    assert len(message) < 2 * LONGEST
