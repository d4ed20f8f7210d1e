"""Little back and forth: a run reaches its training, and a cell its sampling, through few files."""

import pytest
from walks import walks

MOST = {"a run on its way to training": 10, "a cell on its way to sampling": 8}


@pytest.mark.slow
def test_runs_and_cells_enter_few_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    for what, files in walks().items():
        assert len(files) <= MOST[what], f"{what}: {', '.join(files)}"
