"""`--json` of every verb that lists: one document, its fields as docs/commands.md has them, the words made from it."""

import io
import json
import sys

import pytest
import torch
from checkout import link_released

from atbench import cli
from atbench.cli import own, verbs
from atbench.cli.arguments import parser
from atbench.cli.fields import FIELDS
from atbench.cli.page import verbs_of
from atbench.data.samples_file import write_samples
from atbench.runtime import launch
from atbench.runtime.listing import Grid, Listing, listing

CELL = "results/tour/scratch/at/seed0/final/ddim-nfe10.json"
COMMANDS = {
    "status": ["--scale", "tour", "--suites", "scratch", "--released", "--time"],
    "watch": ["--scale", "ci", "--suites", "scratch"],
    "show": [CELL],
    "jobs": ["--scale", "tour", "--suites", "scratch"],
    "estimate": ["ci", "--suites", "scratch"],
    "compare": ["--scale", "tour", "--suites", "scratch"],
    "score": ["samples.npz", "--scale", "tour", "--against", "my-own=samples.npz"],
    "check": ["plugins/my_perturbation.py"],
}
SLOW = pytest.mark.slow
LISTING = [pytest.param(name, marks=SLOW if name in ("estimate", "score", "check") else ()) for name in COMMANDS]


@pytest.fixture(autouse=True)
def clone(tmp_path, monkeypatch):
    """The current folder holds the released results, a set of samples and a plugin."""
    link_released(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.setattr(launch, "with_allocator", lambda: None)  # it would start pytest anew
    images = torch.randint(0, 256, (320, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    write_samples(tmp_path / "samples.npz", images)


def fields(value, name=""):
    """The fields of a value as the page names them."""
    if isinstance(value, dict) and value:
        return {field for key, each in value.items() for field in fields(each, f"{name}.{key}" if name else key)}
    if isinstance(value, list) and value:
        return {field for each in value for field in fields(each, f"{name}[]")}
    return {name}


def stands_for(written, field):
    """Whether an entry of the page is about a field: it, or all below it; an empty or null block has no fields."""
    if written.endswith(".*"):
        return field.startswith(written[:-1]) or field == written[:-2]
    return field == written or written.startswith((f"{field}.", f"{field}["))


def test_every_verb_that_lists_has_it():
    having = {name for name, verb in verbs_of(parser()).items() if "--json" in verb._option_string_actions}
    assert having == set(COMMANDS) == set(FIELDS)


@pytest.mark.parametrize("name", LISTING)
def test_it_is_one_document_whose_fields_are_those_of_the_page(name, capfd):
    if name == "check":
        assert cli.main(["new", "perturbation", "my-perturbation"]) == 0
        capfd.readouterr()
    assert cli.main([name, *COMMANDS[name], "--json"]) == (1 if name == "compare" else 0)  # nothing was reproduced here
    value = json.loads(capfd.readouterr().out)
    found = fields(value)
    assert [field for field in found if not any(stands_for(written, field) for written in FIELDS[name])] == []
    assert [written for written in FIELDS[name] if not any(stands_for(written, field) for field in found)] == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("watch", "estimate", "score", "check")])
def test_the_words_are_made_from_the_document_alone(name, monkeypatch):
    listed: list[Listing] = []
    for module in (verbs, own):
        monkeypatch.setattr(module, "put", lambda listing, options: listed.append(listing))
    cli.main([name, *COMMANDS[name]])
    [found] = listed
    again = Listing(json.loads(found.json), found.words)
    assert str(again) == str(found) and len(str(found)) > 100


def test_a_watch_that_starts_something_has_no_document(capfd):
    assert cli.main(["watch", "--scale", "ci", "--json", "--", "true"]) == 2
    said = capfd.readouterr()
    assert said.out == "" and "--json: one look at what runs" in said.err


def test_what_json_cannot_hold_becomes_what_it_can():
    value = listing({"a": float("nan"), "b": (1, 2), "c": {3: float("inf")}}, lambda value: ["words"]).value
    assert value == {"a": None, "b": [1, 2], "c": {"3": None}}


class Terminal(io.StringIO):
    """A screen."""

    def isatty(self):
        return True


def test_a_table_is_drawn_on_a_terminal_and_plain_elsewhere(monkeypatch, capfd):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    jobs = ["jobs", *COMMANDS["jobs"]]
    cli.main(jobs)
    plain = capfd.readouterr().out
    assert (
        plain.splitlines()[0].split() == ["suite", "runs", "jobs", "cells", "batches", "hours"] and "\x1b" not in plain
    )
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    cli.main(jobs)
    drawn = screen.getvalue()
    assert "\x1b[1m" in drawn and drawn != plain
    assert all(word in drawn for word in plain.split())


def test_a_grid_puts_words_to_the_left_and_numbers_to_the_right():
    grid = Grid(("suite", "cells"), (("scratch", "5"), ("a", "1,000")))
    assert str(grid) == "suite    cells\nscratch      5\na        1,000"
