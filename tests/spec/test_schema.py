"""What is generated from the types of the experiment files: JSON Schemas for editors, the page of all keys."""

import json

import jsonschema
import pytest
from checkout import REPOSITORY

from atbench.spec import schema
from atbench.spec.yaml import EXPERIMENTS, read_yaml, yaml_files

FILES = {
    "methods": [EXPERIMENTS / "methods.yaml"],
    "samplers": [EXPERIMENTS / "samplers.yaml"],
    "suite": yaml_files(EXPERIMENTS / "suites"),
    "scale": yaml_files(EXPERIMENTS / "scales"),
    "config": [EXPERIMENTS / "config.yaml"],
}


def test_what_is_committed_is_what_the_types_give(tmp_path):
    made = schema.write(tmp_path / "experiments", tmp_path / "docs")
    assert {path.name for path in made} >= {"methods.json", "scale.json", "keys.md"}
    for path in made:
        committed = REPOSITORY / path.relative_to(tmp_path)
        assert committed.read_text() == path.read_text(), f"{committed}: run `atbench schema`"
    assert {path.name for path in (EXPERIMENTS / "schema").iterdir()} == {p.name for p in made if p.suffix == ".json"}


@pytest.mark.parametrize("name", sorted(schema.file_types()))
def test_the_schema_takes_the_committed_files_and_no_unknown_key(name):
    made = json.loads((EXPERIMENTS / f"schema/{name}.json").read_text())
    validator = jsonschema.Draft202012Validator(made)
    for file in FILES.get(name, [EXPERIMENTS / f"{name}.yaml"]):
        content = read_yaml(file)
        assert list(validator.iter_errors(content)) == [], file
    if name not in ("methods", "samplers"):  # whose keys are names of your own
        assert not validator.is_valid(content | {"colour": "red"})


def test_the_page_shows_range_default_and_meaning_of_an_option():
    page = schema.page()
    assert "`step_rms` | number > 0 <= 10 or `tuned` | length of one ascent step" in page
    assert (
        "| `channel_mult` | list of integer >= 1 <= 64 | width of every level, in units of ``channels`` | unet network"
        in page
    )
