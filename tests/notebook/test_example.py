"""The example notebook of the documentation, executed as in a fresh clone: what it says is what it shows today."""

import re

import nbformat
import pytest
from checkout import REPOSITORY, link_released
from nbclient import NotebookClient

FILE = REPOSITORY / "docs/example.ipynb"
MOST_BYTES = 300_000
FOR_MACHINES = {"image/png", "text/html"}  # other bits on another machine


def outputs(notebook):
    """What every cell says, and the sorts of what it shows."""
    said = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            said.append(output.get("text") or data.get("text/plain"))
            said.append(sorted(FOR_MACHINES & set(data)))
    return said


@pytest.mark.slow
def test_executed_anew_it_says_what_is_stored(tmp_path, monkeypatch):
    link_released(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    stored, executed = (nbformat.read(FILE, as_version=4) for _ in range(2))
    place = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(executed, timeout=600, kernel_name="python3", resources=place).execute()  # raises where a cell does
    assert outputs(executed) == outputs(stored)
    assert len(outputs(stored)) > 10 and (tmp_path / "results/tour/scratch/at/seed0").is_dir()


def test_it_is_stored_with_its_pictures_and_small():
    text = FILE.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST_BYTES and text.count('"image/png"') == 2
    assert str(REPOSITORY) not in text and not re.search(r"/(?:home|root|tmp)/", text)  # of no machine


def test_it_counts_its_cells_from_one():
    """It was executed whole, from the start, before it was stored."""
    counts = [cell.execution_count for cell in nbformat.read(FILE, as_version=4).cells if cell.cell_type == "code"]
    assert counts == [*range(1, len(counts) + 1)]
