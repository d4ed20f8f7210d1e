"""What a notebook calls: the released results and weights of the tour, as in a fresh clone."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from checkout import REPOSITORY, link_released

import atbench
from atbench.judgement.paired import differences
from atbench.runtime.errors import UserError
from atbench.spec.address import parse_cell
from atbench.spec.load import load, load_cell
from atbench.tasks.evaluate import export

CELL = "results/tour/scratch/at/seed0/final/ddim-nfe5.json"


@pytest.fixture(autouse=True)
def clone(tmp_path, monkeypatch):
    """The current folder holds the released results, and nothing else."""
    link_released(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")


def test_results_are_a_tidy_frame_with_units():
    frame = atbench.load_results("tour")
    assert len(frame) == 36 and set(frame.status) == {"done"} and set(frame.method) == {"adm", "ip", "at"}
    assert frame.attrs["units"]["fd"] == "squared length in feature space"
    assert frame.attrs["labels"]["fd"] == "FD-digits"
    with pytest.raises(UserError, match="scrach"):
        atbench.load_results("tour", suites=["scrach"])


def test_two_methods_are_compared_seed_by_seed_as_in_the_tables():
    frame = atbench.load_results("laptop", suites=["scratch"])
    ours = atbench.compare_methods(frame, "scratch", "at", "adm", "fd_heldout").set_index(["sampler", "nfe"])
    table = differences(load("laptop").suite("scratch"), frame)
    table = table[(table.method == "at") & (table.baseline == "adm")].set_index(["sampler", "nfe"])
    assert len(ours) == 35 and ours.equals(table[ours.columns])
    assert atbench.compare_methods(frame, "scratch", "ip", "at", "kid")["mean"].notna().all()
    with pytest.raises(UserError, match="unknown method 'att'"):
        atbench.compare_methods(frame, "scratch", "att", "adm")
    with pytest.raises(UserError, match="unknown metric 'fid'"):
        atbench.compare_methods(frame, "scratch", "at", "adm", "fid")


def test_a_released_network_is_loaded_and_sampled_as_the_cells_are():
    model = atbench.load_model("results/tour/scratch/at/seed0")
    assert model(torch.zeros(2, 1, 8, 8), torch.zeros(2)).shape == (2, 2, 8, 8)
    images = atbench.sample(CELL, 6)
    assert images.shape == (6, 1, 8, 8) and images.dtype == torch.uint8
    export(load_cell(parse_cell(CELL)), Path("six.npz"), 6)
    assert (np.load("six.npz")["arr_0"] == images.permute(0, 2, 3, 1).numpy()).all()
    with pytest.raises(UserError, match="no such snapshot"):
        atbench.load_model("results/tour/scratch/at/seed0", "0000500")


def test_the_package_itself_is_light():
    code = "import sys, atbench; dir(atbench); print(sorted({'torch', 'pandas', 'pydantic'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = atbench.nothing
