"""Writing: whole or not at all, on the disk, and one line where the system refuses."""

import os
import resource
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from spoil import refusal
from tiny import NETWORKS

from atbench.models.checkpoints import read_torch, write_torch
from atbench.models.weights import build, load_model, save_weights
from atbench.runtime import files
from atbench.runtime.files import copy, forget_temporary, link, write_atomically
from atbench.runtime.json_files import write_json

NETWORK = NETWORKS["digits-classifier"]
STATE = {"model": {"a": torch.arange(5000.0), "b": torch.ones(3)}, "log": "line", "counts": {"batches": 2}}
WRITERS = {
    "text": lambda path: write_atomically(path, lambda temporary: temporary.write_text("x" * 10_000)),
    "json": lambda path: write_json(path, list(range(5000))),
    "state": lambda path: write_torch(path, STATE),
    "weights": lambda path: save_weights(path, build("digits-classifier", NETWORK), "digits-classifier", NETWORK),
    "arrays": lambda path: write_atomically(path, lambda temporary: np.savez(temporary, a=np.zeros(5000))),
    "picture": lambda path: write_atomically(
        path, lambda temporary: Image.effect_noise((100, 100), 50).save(temporary)
    ),
}
SUFFIX = {"text": ".txt", "json": ".json", "state": ".pt", "weights": ".safetensors"}
SUFFIX |= {"arrays": ".npz", "picture": ".png"}


def test_equal_states_are_equal_bytes_whatever_their_names(tmp_path):
    for name in ("one.pt", "another.pt"):
        write_torch(tmp_path / name, STATE)
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "another.pt").read_bytes()
    assert torch.equal(read_torch(tmp_path / "one.pt", "state")["model"]["a"], STATE["model"]["a"])


@pytest.fixture
def small_files():
    """No file may grow beyond a kilobyte, as if the disk were full: the system itself refuses."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("kind", WRITERS)
def test_what_does_not_fit_is_one_line_and_the_file_before_stays(tmp_path, small_files, kind):
    path = tmp_path / f"result{SUFFIX[kind]}"
    path.write_text("before")
    message = refusal(lambda: WRITERS[kind](path))
    assert message == f"{path}: cannot be written (File too large); what was there stays"
    assert os.listdir(tmp_path) == [path.name] and path.read_text() == "before"


@pytest.mark.parametrize("kind", WRITERS)
def test_a_folder_that_may_not_be_written_to_is_one_line(tmp_path, kind):
    (tmp_path / "folder").write_text("no folder")
    path = tmp_path / f"folder/result{SUFFIX[kind]}"
    assert refusal(lambda: WRITERS[kind](path)).startswith(f"{path}: cannot be written (")


def test_other_errors_of_a_writer_stay_what_they_are(tmp_path):
    with pytest.raises(ValueError, match="Out of range float values"):
        write_json(tmp_path / "x.json", {"fd": float("nan")})
    with pytest.raises(ZeroDivisionError):
        write_atomically(tmp_path / "x.json", lambda _: 1 / 0)
    assert os.listdir(tmp_path) == []


def test_file_and_folder_are_on_the_disk_before_and_after_the_rename(tmp_path, monkeypatch):
    done, fsync, replace = [], os.fsync, os.replace

    def noted(handle):
        done.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), replace(a, b)))
    write_json(tmp_path / "x.json", {})
    assert done[0].startswith(f"{tmp_path}/.x.json.") and done[1:] == ["rename", str(tmp_path)]


def test_a_folder_that_cannot_be_synced_is_no_fault(tmp_path, monkeypatch):
    sync = files._sync

    def some(path):
        if os.path.isdir(path):
            raise OSError(22, "Invalid argument")
        sync(path)

    monkeypatch.setattr(files, "_sync", some)
    write_json(tmp_path / "x.json", {})
    assert (tmp_path / "x.json").read_text() == "{}\n"


@pytest.mark.parametrize("links", [True, False])
def test_a_second_name_is_the_same_file_again_and_again(tmp_path, monkeypatch, links):
    def refused(*_):
        raise OSError(1, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    source, target = tmp_path / "a.txt", tmp_path / "deep/b.txt"
    source.write_text("content")
    os.utime(source, (1, 1))
    for _ in range(2):
        link(source, target)
    assert target.read_text() == "content" and target.stat().st_mtime > 1
    assert os.path.samefile(source, target) is links
    assert os.listdir(target.parent) == ["b.txt"]


def test_a_copy_cut_short_leaves_the_file_before(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("new")
    (tmp_path / "b.txt").write_text("old")

    def half(source, target):
        target.write_text("n")
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", half)
    with pytest.raises(KeyboardInterrupt):
        copy(tmp_path / "a.txt", tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == "old" and len(os.listdir(tmp_path)) == 2


def test_what_killed_writers_left_is_told_from_other_hidden_files(tmp_path):
    code = "import os; from atbench.runtime.files import write_atomically as w; w({!r}, lambda _: os._exit(9))"
    subprocess.run([sys.executable, "-c", code.format(str(tmp_path / "state.pt"))])
    (tmp_path / ".snakemake_timestamp").touch()
    assert len(os.listdir(tmp_path)) == 2
    forget_temporary(tmp_path)
    assert os.listdir(tmp_path) == [".snakemake_timestamp"]


def test_weights_in_a_file_are_those_that_were_saved(tmp_path):
    model = build("digits-classifier", NETWORK)
    save_weights(tmp_path / "x.safetensors", model, "digits-classifier", NETWORK)
    found = load_model(tmp_path / "x.safetensors", "digits-classifier").state_dict()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())
