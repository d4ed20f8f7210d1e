"""Names stand in addresses, so in paths and command lines: one alphabet, held to when a file is read."""

import shutil

import pytest
from spoil import COMMANDS, refusal, spoil

from atbench.spec.load import load, workflow

ALPHABET = "lower-case letters, digits and single hyphens"


@pytest.mark.parametrize("name", [*COMMANDS, "../scales/ci", "Ci", "a--b", ""])
def test_names_of_scales_hold_to_the_alphabet_of_addresses(experiments, name):
    if "/" not in name:
        shutil.copy(experiments / "scales/ci.yaml", experiments / f"scales/{name}.yaml")
    assert ALPHABET in refusal(lambda: load(name))
    assert ALPHABET in refusal(lambda: workflow({"scale": name, "suites": ["scratch"]}))
    assert load("ci").scale == "ci"  # others are none the worse for it


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("file", ["methods.yaml", "samplers.yaml"])
def test_names_of_methods_and_samplers_do_too(experiments, file, name):
    (experiments / file).write_text((experiments / file).read_text() + f"\n{name!r}: {{label: x}}\n")
    assert f"{file}: " in refusal(lambda: load("ci"))


@pytest.mark.parametrize("name", COMMANDS)
def test_names_of_suites_do_too(experiments, name):
    shutil.copy(experiments / "suites/scratch.yaml", experiments / f"suites/{name}.yaml")
    assert ALPHABET in refusal(lambda: load("ci"))


@pytest.mark.parametrize("path", ["{suite}.pt", "a/{b}.pt", "}.pt"])
def test_paths_of_checkpoints_have_no_braces(experiments, path):
    """Snakemake would put the name of the suite into the path of its input."""
    files = {"batches": 10, "ema": {"path": path, "sha256": "0" * 64}}
    spoil(experiments / "scales/ci.yaml", "suites", "imported", {"seeds": [0], "imported": {"adm": files}})
    message = refusal(lambda: load("ci"))
    assert "suites.imported.imported.adm.ema: path: " in message and "braces" in message
