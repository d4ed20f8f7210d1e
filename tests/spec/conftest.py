"""A copy of the experiment files that a test may spoil."""

import shutil

import pytest

from atbench.spec import load, yaml


@pytest.fixture
def experiments(tmp_path, monkeypatch):
    """A copy of the experiment files that the package reads instead of its own."""
    folder = tmp_path / "experiments"
    shutil.copytree(yaml.EXPERIMENTS, folder)
    monkeypatch.setattr(yaml, "EXPERIMENTS", folder)
    load.load.cache_clear()
    yield folder
    load.load.cache_clear()
