"""What the tests of tasks share."""

import shutil

import pytest

from atbench.spec import yaml
from atbench.spec.load import load


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """The folder of experiment files of a test, which it may change, seen from an empty current directory."""
    folder = tmp_path / "experiments"
    shutil.copytree(yaml.EXPERIMENTS, folder)
    monkeypatch.setattr(yaml, "EXPERIMENTS", folder)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    load.cache_clear()
    yield folder
    load.cache_clear()
