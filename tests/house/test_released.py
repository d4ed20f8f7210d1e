"""The released results: what the manifest names is there, and its JSON is what was released, byte for byte."""

import json

import pytest
from checkout import REPOSITORY

from atbench.runtime.files import file_hash

RELEASED = REPOSITORY / "results/released"
SCALES = sorted(path.parent.name for path in RELEASED.glob("*/manifest.json"))


@pytest.mark.parametrize("scale", SCALES)
def test_manifest_names_exactly_what_is_released(scale):
    root = RELEASED / scale
    files = json.loads((root / "manifest.json").read_text())["files"]
    present = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".log"}
    assert present - {"manifest.json"} == set(files)
    # Tables and figures may be drawn anew (`make figures`); what they are drawn from may not change.
    changed = [name for name, value in files.items() if name.endswith(".json") and file_hash(root / name) != value]
    assert changed == []


def test_both_scales_of_the_readme_are_released():
    assert {"laptop", "workstation"} <= set(SCALES)
