"""The command line: a mistake is one line and exit code 2, before anything is computed."""

import pytest
from spoil import spoil

from atbench import cli

FINAL_CELL = "results/ci/scratch/adm/seed0/final/{}.json"
BAD_COMMANDS = {
    "unknown scale of a run": (["train", "results/laptopp/scratch/adm/seed0"], "laptopp"),
    "unknown suite": (["train", "results/ci/scrach/adm/seed0"], "scrach"),
    "suite without a size": (["train", "results/ci/tune-scrach/adm-c0/seed0"], "scrach"),
    "unknown method": (["train", "results/ci/scratch/amd/seed0"], "amd"),
    "unknown candidate": (["train", "results/ci/tune-scratch/at-c9/seed100"], "at-c9"),
    "method of another network": (
        ["train", "results/ci/extractor/adm/seed0"],
        "adm trains a unet; the suite extractor has a network of another kind, digits-classifier",
    ),
    "address of a cell": (["train", FINAL_CELL.format("ddim-nfe5")], "not the address of a run"),
    "seed no integer": (["train", "results/ci/scratch/adm/seed1.5"], "not the address of a run"),
    "bad address": (["evaluate", "results/ci/scratch/adm"], "not the address of a cell"),
    "address of a run": (["evaluate", "results/ci/scratch/adm/seed0"], "not the address of a cell"),
    "nfe no integer": (["evaluate", FINAL_CELL.format("ddim-nfex")], "not the address of a cell"),
    "nfe 0": (["evaluate", FINAL_CELL.format("ddim-nfe0")], "nfe 0"),
    "nfe 0, iddpm": (["evaluate", FINAL_CELL.format("iddpm-nfe0")], "nfe 0"),
    "nfe 0, dpm-solver": (["evaluate", FINAL_CELL.format("dpm-solver-nfe0")], "nfe 0"),
    "nfe 1, iddpm": (["evaluate", FINAL_CELL.format("iddpm-nfe1")], "nearest valid nfe: 2"),
    "nfe 37, ddim": (["evaluate", FINAL_CELL.format("ddim-nfe37")], "nearest valid nfe"),
    "nfe 2000": (["evaluate", FINAL_CELL.format("iddpm-nfe2000")], "nearest valid nfe: 1000"),
    "nfe 2000, ddim": (["evaluate", FINAL_CELL.format("ddim-nfe2000")], "nearest valid nfe: 1000"),
    "unknown sampler": (["evaluate", FINAL_CELL.format("leapfrog-nfe5")], "leapfrog"),
    "two scales": (
        ["evaluate", *(f"results/{s}/scratch/adm/seed0/final/ddim-nfe5.json" for s in ("ci", "laptop"))],
        "scale",
    ),
    "nothing trained": (["evaluate", FINAL_CELL.format("ddim-nfe5")], "results/ci/"),
    "parent missing": (["train", "results/ci/scratch/adm-3x/seed0"], "scratch/adm/seed0/final/state.pt"),
    "show nothing": (["show", FINAL_CELL.format("ddim-nfe5")], "ddim-nfe5.json"),
    "show a run": (["show", "results/ci/scratch/adm/seed0"], "not the address of a cell"),
    "export nothing": (["export", FINAL_CELL.format("ddim-nfe5"), "x.npz"], "results/ci/"),
    "unknown scale": (["status", "--scale", "laptopp"], "laptopp"),
    "unknown suite of a report": (["status", "--scale", "ci", "--suites", "scrach"], "scrach"),
    "report outside": (["report", "--scale", "ci", "--only", "/tmp/table.csv"], "/tmp/table.csv"),
    "reference of nothing": (
        ["reference", "--scale", "ci", "scratch"],
        "extractor/digits-cnn/seed0: its weights are neither here nor released",
    ),
    "score a missing folder": (["score", "--scale", "ci", "nowhere", "--name", "x"], "nowhere"),
    "a seed twice": (["report", "--scale", "ci", "--seeds", "0", "1", "0"], "--seeds: 0 stands there twice"),
    "a seed below 0": (["release", "--scale", "ci", "--seeds", "-1"], "--seeds: -1: a seed is 0 or more"),
    "a suite twice": (["status", "--scale", "ci", "--suites", "scratch", "scratch"], "--suites: scratch stands there"),
    "release a search": (["release", "--scale", "ci", "--suites", "tune-scratch"], "--suites: tune-scratch: a search"),
    "tune nothing": (["tune", "--scale", "ci", "scratch"], "tune-scratch"),
    "tune an unknown suite": (["tune", "--scale", "ci", "scrach"], "scrach"),
}


def failed(arguments, capsys):
    """The single line on stderr with which a command ends by exit code 2."""
    assert cli.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("atbench: ")
    return lines[0]


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_mistakes_end_in_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, name):
    arguments, word = BAD_COMMANDS[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    assert word in failed(arguments, capsys)
    assert not list(tmp_path.rglob("*.json"))


def test_unknown_device_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "tpu")
    assert "ATBENCH_DEVICE: 'tpu'" in failed(["train", "results/ci/scratch/adm/seed0"], capsys)


def test_absent_device_is_refused_and_not_replaced(tmp_path, monkeypatch, capsys):
    import torch

    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", absent)
    assert "not available" in failed(["train", "results/ci/scratch/adm/seed0"], capsys)


def test_broken_main_file_is_one_line_too(experiments, capsys):
    spoil(experiments / "config.yaml", "scael", "ci")
    assert "scael" in failed(["status"], capsys)


@pytest.mark.parametrize("arguments", [[], ["fly"], ["train"], ["report", "--seeds", "x"]])
def test_wrong_usage_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2 and "usage: atbench" in capsys.readouterr().err
