"""Peers that are not here are skipped in words, and only the pinned sources count as guided-diffusion."""

import shutil
import subprocess

import pytest

from atbench.runtime.errors import UserError
from benchmarks import entries, measure, peers, run
from benchmarks.entries import EAGER
from benchmarks.peers import Absent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(peers.VARIABLE, str(tmp_path))
    return tmp_path


def test_a_row_without_its_peer_says_so_instead_of_a_ratio(folder):
    found = measure.measure(measure.ROWS["update-laptop"], EAGER, quick=True)
    assert found == {"skipped": f"guided-diffusion is neither in build/peers nor where {peers.VARIABLE} says"}


def test_other_sources_than_those_of_the_commit_are_not_taken(folder):
    (folder / peers.NAME / "guided_diffusion").mkdir(parents=True)
    (folder / peers.NAME / "guided_diffusion/unet.py").write_text("faster = True\n")
    with pytest.raises(Absent, match=f"is not that of commit {peers.COMMIT[:12]}, unchanged"):
        peers.guided_diffusion()


def test_the_hash_of_sources_sees_a_changed_line_and_no_other_line_ends(folder):
    package = folder / "guided_diffusion"
    package.mkdir()
    (package / "nn.py").write_bytes(b"a = 1\nb = 2\n")
    before = peers.sources(folder)
    (package / "nn.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    assert peers.sources(folder) == before
    (package / "nn.py").write_bytes(b"a = 1\nb = 3\n")
    assert peers.sources(folder) != before


def test_a_clone_that_fails_is_one_line_and_leaves_no_half_peer(tmp_path, monkeypatch):
    monkeypatch.delenv(peers.VARIABLE, raising=False)
    monkeypatch.setattr(peers, "CACHE", tmp_path / "peers")
    monkeypatch.setattr(peers, "URL", f"file://{tmp_path}/nothing")
    with pytest.raises(Absent, match=r"cannot be cloned from .*nothing.*ATBENCH_PEERS=FOLDER names one"):
        peers.clone()
    assert list((tmp_path / "peers").iterdir()) == []


def test_a_clone_is_of_the_commit_and_is_made_once(tmp_path, monkeypatch):
    git = ("git", "-C", str(tmp_path / "origin"), "-c", "user.name=a", "-c", "user.email=a@b.c")
    (tmp_path / "origin/guided_diffusion").mkdir(parents=True)
    (tmp_path / "origin/guided_diffusion/nn.py").write_text("a = 1\n")
    for step in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *step], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    monkeypatch.delenv(peers.VARIABLE, raising=False)
    monkeypatch.setattr(peers, "CACHE", tmp_path / "peers")
    monkeypatch.setattr(peers, "URL", f"file://{tmp_path}/origin")
    monkeypatch.setattr(peers, "COMMIT", head)
    monkeypatch.setattr(peers, "SOURCES", peers.sources(tmp_path / "origin"))
    peers.clone()
    assert peers.guided_diffusion() == tmp_path / "peers" / peers.NAME
    monkeypatch.setattr(peers, "URL", "file:///nowhere")
    peers.clone()


def test_a_package_that_is_not_installed_is_absent():
    with pytest.raises(Absent, match="no_such_package is not installed"):
        peers.package("no_such_package")


def test_every_row_is_named_once_and_a_quick_run_compiles_nothing():
    assert all(row.name == name and entries.EAGER in row.columns for name, row in measure.ROWS.items())
    assert not measure.ROWS.keys() & measure.CURVES.keys()
    quick, full = run.jobs([], True), run.jobs([], False)
    assert {job.entry.name for job in quick} == {job.entry.name for job in full} == {*measure.ROWS, *measure.CURVES}
    assert not any(job.column.compiled for job in quick) and any(job.column.compiled for job in full)


def test_columns_of_a_gpu_are_empty_without_one(tmp_path):
    job = next(job for job in run.jobs(["update-57m"], True) if job.column.device == "cuda")
    assert run.measured(job, True, False, tmp_path) == {"skipped": run.NO_GPU}


def test_a_row_whose_process_ends_badly_is_a_failure_and_an_absent_peer_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(run.sys, "executable", shutil.which("false"))
    lost = run.measured(run.jobs(["free-at"], True)[0], True, False, tmp_path)
    assert lost["skipped"] == "it failed: no word (exit code 1)"
    rows = {"free-at": {"columns": {"eager": lost}}, "update": {"columns": {"cuda": {"skipped": run.NO_GPU}}}}
    assert run.failures({"rows": rows, "curves": {"planning": lost, "other": {"points": []}}}) == [
        "free-at",
        "planning",
    ]


def test_a_name_that_is_no_row_is_refused():
    with pytest.raises(UserError, match=r"--only: unknown update-laptopp; known: update-57m, update-laptop"):
        run.jobs(["update-laptopp"], quick=True)


@pytest.mark.parametrize(("compiles", "settled"), [([1, 2, 0], True), ([0], True), ([1] * 99, False)])
def test_a_side_that_compiles_with_every_call_is_not_timed(compiles, settled):
    made, left = [], list(compiles)
    assert measure.settles(lambda: made.extend(range(left.pop(0))), lambda: len(made)) == settled


@pytest.mark.slow
def test_a_row_of_ours_alone_is_measured_from_the_command_line(tmp_path):
    """In a process of its own, as the whole suite measures it; how long it took is nobody's business here."""
    found = run.measured(run.jobs(["free-at"], True)[0], True, False, tmp_path)
    assert found["agreement"] == "as many updates and backward passes, 3 and 3"
    assert len(found["pairs"]) >= 2 and found["flops"]["count"] > 10**9
