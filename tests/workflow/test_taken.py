"""Which runs are taken from a release, and which are trained all the same."""

import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_up import SOURCES
from released_tour import BENCHMARK, FILE, RUN, finished_in

from atbench.runtime import provenance
from atbench.spec.load import load
from atbench.workflow import taken as taken_room
from atbench.workflow.jobs import Jobs
from atbench.workflow.settings import among, without
from atbench.workflow.taken import Taken
from atbench.workflow.times import Times

ALL = {"extractor/digits-cnn/seed0", "scratch/adm/seed0", "scratch/ip/seed0", "scratch/at/seed0"}
AT = SimpleNamespace(suite="scratch", method="at", seed="0")


@pytest.fixture(autouse=True)
def sources(monkeypatch):
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    return finished_in(tmp_path_factory.mktemp("finished"))


@pytest.fixture
def clone(finished, tmp_path, monkeypatch) -> Path:
    """What a fresh clone has of it, as the current folder, free to damage."""
    shutil.copytree(finished / "results/released", tmp_path / "results/released")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def taken(retrains=False, plans=False, benchmark=BENCHMARK) -> Taken:
    return Taken(Jobs(benchmark, None, Times("tour", acts=True) if plans else None), retrains)


def test_a_fresh_clone_takes_every_released_run(clone):
    assert set(taken().runs) == ALL
    assert taken().weights(AT) == [str(FILE)]


def test_who_wants_to_train_takes_none(clone):
    assert taken(retrains=True).runs == {}


def test_what_was_trained_here_is_not_replaced(clone):
    state = BENCHMARK.suite("scratch").run("at", 0).address.state
    state.parent.mkdir(parents=True)
    state.touch()
    assert set(taken().runs) == ALL - {"scratch/at/seed0"}


def test_a_run_that_others_go_on_from_is_trained_for_its_state(clone, monkeypatch):
    """At laptop `adm-3x` continues `adm`, which fine-tuning starts from too; nothing goes on from a run of the tour."""
    laptop = load("laptop")
    assert laptop.suite("scratch").run("adm", 0).address in taken_room._continued(laptop)
    assert taken_room._continued(BENCHMARK) == set()
    monkeypatch.setattr(taken_room, "_continued", lambda benchmark: {RUN.address})
    assert set(taken().runs) == ALL - {"scratch/at/seed0"}


def test_who_plans_is_told_what_of_a_release_cannot_be_believed(clone, capfd):
    FILE.write_bytes(b"others")
    assert set(taken(plans=True).runs) == ALL - {"scratch/at/seed0"}
    (line,) = capfd.readouterr().err.splitlines()
    assert str(FILE) in line and line.endswith("results/tour/scratch/at/seed0 is trained")
    taken().runs  # noqa: B018 (a job says nothing again)
    assert capfd.readouterr().err == ""


def test_a_job_is_keyed_by_what_it_takes(clone):
    keys = {taken().key(SimpleNamespace(suite="scratch", method=name, seed="0")) for name in ("adm", "ip", "at")}
    assert len(keys) == 3


@pytest.mark.parametrize("run", ["scratch/at/seed0", "scratch/at/seed1", "scratch/at-mid/seed0", "finetune/at/seed0"])
def test_a_run_matches_one_of_both_patterns(run):
    runs, rest = ["scratch/at/seed0"], r"/(?P<method>[a-z-]+)/seed(?P<seed>[0-9]+)/weights"
    found = [
        re.fullmatch(f"(?P<suite>{made(runs, 'scratch|finetune')}){rest}", f"{run}/weights")
        for made in (among, without)
    ]
    assert [match is not None for match in found] == [run in runs, run not in runs]


def test_no_taken_run_leaves_every_run_to_training():
    assert re.fullmatch(f"{without([], 'scratch')}/at", "scratch/at")
    assert not re.fullmatch(f"{among([], 'scratch')}/at", "scratch/at")
