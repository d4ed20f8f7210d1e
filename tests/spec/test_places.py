"""Files that are not in place: a path of somebody's own is refused, public data are named and waited for."""

from dataclasses import replace

import pytest
from spoil import refusal, spoil

from atbench.spec.datasets import FASHION, FORMATS
from atbench.spec.load import load
from atbench.spec.places import absent, refuse_without

OWN = {"name": "cats", "format": "image-folder", "path": "nowhere", "resolution": 8, "channels": 1}


@pytest.fixture(autouse=True)
def bare(tmp_path, monkeypatch):
    """A machine on which nothing lies and no variable says otherwise."""
    monkeypatch.chdir(tmp_path)
    for name in ("CIFAR10", "FASHION_MNIST", "IMAGENET64", "CATS"):
        monkeypatch.delenv(f"ATBENCH_DATA_{name}", raising=False)
    monkeypatch.setitem(FORMATS, FASHION, replace(FORMATS[FASHION], installed="/no/such/folder"))


def test_public_data_are_named_when_planning_and_refused_when_running():
    paper = load("paper")
    told = [str(line) for line in absent(paper, ["scratch", "latent-consistency"])]
    assert len(told) == len(set(told)) == 4
    assert any("paper.yaml: data: cifar10" in line and "ATBENCH_DATA_CIFAR10" in line for line in told)
    assert any("suites.latent-consistency.judged_by.annotations" in line for line in told)
    assert refusal(lambda: refuse_without(paper, ["scratch"])) == told[0]


def test_public_data_that_a_package_brings_are_in_place_once_it_is_installed(tmp_path, monkeypatch):
    fashion = load("fashion")
    [told] = map(str, absent(fashion, ["scratch", "finetune"]))
    assert "scales/fashion.yaml: data: fashion-mnist is not in place yet" in told
    assert "ATBENCH_DATA_FASHION_MNIST" in told and "apt-get install dataset-fashion-mnist" in told
    assert refusal(lambda: refuse_without(fashion, ["scratch"])) == told
    monkeypatch.setitem(FORMATS, FASHION, replace(FORMATS[FASHION], installed=str(tmp_path)))
    assert absent(fashion, ["scratch"]) == []
    monkeypatch.setenv("ATBENCH_DATA_FASHION_MNIST", "/no/such/folder")  # whoever says a place means it
    assert "is /no/such/folder" in refusal(lambda: absent(fashion, ["scratch"]))


def test_only_what_a_suite_needs_is_asked_for():
    assert absent(load("ci"), ["scratch", "finetune", "latent-consistency"]) == []
    assert "imagenet64" in refusal(lambda: refuse_without(load("paper"), ["class-conditional"]))


def test_data_of_what_is_made_are_not_asked_for(experiments):
    for scale in ("ci", "laptop"):
        spoil(experiments / f"scales/{scale}.yaml", "data", OWN)
    suite = load("ci").suite("scratch")
    for run in load("ci").needed(["scratch"]):
        run.address.record.parent.mkdir(parents=True, exist_ok=True)
        run.address.record.touch()
    suite.judging.reference_path().parent.mkdir(parents=True)
    suite.judging.reference_path().touch()
    assert absent(load("ci"), ["scratch"]) == []


def test_a_path_of_ones_own_is_refused_even_when_planning(experiments, tmp_path):
    spoil(experiments / "scales/ci.yaml", "data", OWN)
    spoil(experiments / "scales/workstation.yaml", "data", OWN)
    message = refusal(lambda: absent(load("ci"), ["scratch"]))
    assert message.endswith("scales/ci.yaml: data.path: nowhere: nothing lies there")
    (tmp_path / "nowhere").mkdir()
    assert absent(load("ci"), ["scratch"]) == []


def test_a_variable_that_points_nowhere_is_a_path_of_ones_own(monkeypatch):
    monkeypatch.setenv("ATBENCH_DATA_CIFAR10", "/no/such/folder")
    assert "ATBENCH_DATA_CIFAR10 is /no/such/folder" in refusal(lambda: absent(load("paper"), ["scratch"]))


def test_a_checkpoint_that_is_not_there_is_refused_when_planning(experiments):
    files = {"adm": {"batches": 10, "ema": {"path": "a b.pt", "sha256": 64 * "0"}}}
    spoil(experiments / "scales/ci.yaml", "suites", "imported", {"seeds": [0], "imported": files})
    message = refusal(lambda: absent(load("ci"), ["imported"]))
    assert "suites.imported.imported.adm.ema.path: a b.pt: no such file" in message
