"""Training that is cut short anywhere: after each file operation, by damage, by signals, by a second process."""

import json
import os
import shutil
from contextlib import contextmanager, suppress

import pytest
from runs import ADM, LONG, files, interrupted, states_of, stop_at, train
from spoil import refusal, spoil

from atbench.models.weights import load_model, save_weights
from atbench.runtime.device import STATE_VARIABLE
from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load_run
from atbench.tasks import train as training
from atbench.tasks.run_record import is_current
from atbench.training.loop import Trainer

TIMES = {"seconds", "provenance"}  # of a record
OUTPUTS = ["final/state.pt", "final/train.jsonl", "weights/0000002.safetensors", "weights/final.safetensors"]


@pytest.fixture(autouse=True)
def four_batches(experiments, monkeypatch):
    """Runs take four batches, one snapshot after two, and keep a state of each."""
    spoil(experiments / "scales/ci.yaml", "suites", "scratch", {"batches": 4, "snapshots": 2, "seeds": [0]})
    monkeypatch.setenv(STATE_VARIABLE, "1e-9")
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nobody pulls the plug, and hundreds of them take minutes


def left(run):
    """Name -> bytes of the files of a finished run; of its record, what does not tell of times."""
    record = {key: value for key, value in read_record(run.record).items() if key not in TIMES}
    return {name: (run.path / name).read_bytes() for name in files(run) if name != "config.json"} | {"record": record}


@pytest.fixture
def undisturbed(four_batches):
    """What a run leaves that nothing disturbs; it is gone again."""
    train(ADM)
    found = left(ADM)
    assert sorted(found) == sorted([*OUTPUTS, "record"])
    shutil.rmtree(ADM.path)
    return found


def damaged_folders():
    return sorted(path.name for path in ADM.path.glob("resume.*"))


# Every prefix.


class Killed(BaseException):
    """The process is no more: nothing that it would do afterwards is done."""


OPERATIONS = ("replace", "rename", "link", "unlink", "mkdir", "rmdir", "fsync", "open")


@contextmanager
def dying(patch, at):
    """Let the file operation of that index, from 0, and all after it not happen. Yields the list of those that did."""
    done = []

    def dies(name, original):
        def operation(*arguments, **options):
            writes = name != "open" or arguments[1] & (os.O_WRONLY | os.O_RDWR)
            if writes and ADM.path.exists():
                if len(done) >= at:
                    raise Killed
                done.append(name)
            return original(*arguments, **options)

        return operation

    for name in OPERATIONS:
        patch.setattr(os, name, dies(name, getattr(os, name)))
    yield done


def killed_at(at):
    """Train until the file operation of that index. Returns whether it came to that."""
    with pytest.MonkeyPatch.context() as patch, dying(patch, at) as done, suppress(Killed):
        train(ADM)
        return False
    assert len(done) == at
    return True


def test_a_run_that_is_killed_after_any_file_operation_is_continued_to_the_same_bytes(undisturbed, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, "60")  # states with the snapshots only
    at = 0
    while killed_at(at):
        train(ADM)
        assert left(ADM) == undisturbed, at
        shutil.rmtree(ADM.path)
        at += 1
    assert at > 60  # two states, two snapshots, three links, the log, the record, the end of the folder


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(undisturbed):
    """Each time a little later, each time going on from what the time before has left."""
    times = 0
    for at in range(25, 1000, 5):
        times += 1
        if not killed_at(at):
            break
    assert times > 3
    assert left(ADM) == undisturbed


def test_a_kill_that_workflow_software_follows_by_deleting_outputs_loses_no_batch(undisturbed):
    """Snakemake deletes the outputs of a job that failed before it starts the job again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "write_record", interrupted_write)
        with pytest.raises(KeyboardInterrupt):
            train(ADM)
    shutil.rmtree(ADM.weights_folder)
    ADM.state.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "train_batch", None)
        train(ADM)
    assert left(ADM) == undisturbed


def interrupted_write(path, value):
    raise KeyboardInterrupt


# Damage.

DAMAGE = {
    "cut off": lambda file: os.truncate(file, 1000),
    "empty": lambda file: os.truncate(file, 0),
    "one bit": lambda file: file.write_bytes(bytes([*file.read_bytes()[:-1], file.read_bytes()[-1] ^ 1])),
    "foreign": lambda file: file.write_text("a note"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_state_is_set_aside_and_the_one_before_it_goes_on(undisturbed, how, capsys):
    interrupted(ADM, 3)
    before, newest = states_of(ADM)
    DAMAGE[how](newest)
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 2, lambda trainer: begun.append(dict(trainer.counts)))
        train(ADM)
    assert len(begun) == 1 and before.name.startswith("state-0000002-")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "set aside" in line]
    assert newest.name in line and "resume.damaged-1; training goes on from batch 2" in line
    assert files(ADM)[-3] == f"resume.damaged-1/{newest.name}"
    shutil.rmtree(ADM.path / "resume.damaged-1")
    assert left(ADM) == undisturbed


@pytest.mark.parametrize("how", [*DAMAGE, "missing", "another of the same network"])
def test_a_damaged_snapshot_is_never_published(undisturbed, how, capsys):
    """Final weights once stood in for the snapshot that a kill had removed, and an empty file for another."""
    interrupted(ADM, 3)
    snapshot = ADM.path / "resume/0000002.safetensors"
    if how == "missing":
        snapshot.unlink()
    elif how in DAMAGE:
        DAMAGE[how](snapshot)
    else:
        model = load_model(snapshot, "unet")
        model.out[2].bias.data += 1
        save_weights(snapshot, model, "unet", load_run(ADM).recipe.network)
    train(ADM)
    out = capsys.readouterr().out
    assert "0000002.safetensors is " in out and "resume.damaged-1; training starts over" in out
    shutil.rmtree(ADM.path / "resume.damaged-1")
    assert left(ADM) == undisturbed


def test_a_folder_that_is_damaged_twice_gets_two_names(undisturbed):
    for _ in range(2):
        interrupted(ADM, 3)
        for state in states_of(ADM):
            os.truncate(state, 10)
    train(ADM)
    assert damaged_folders() == ["resume.damaged-1", "resume.damaged-2"]


def test_a_state_without_its_hash_is_not_believed(undisturbed, capsys):
    interrupted(ADM, 3)
    for state in states_of(ADM):
        state.rename(state.with_name("state.pt"))
    train(ADM)
    assert "state.pt is no state of this version: set aside as resume.damaged-1" in capsys.readouterr().out


def test_a_snapshot_that_is_damaged_while_training_goes_on_is_not_published(undisturbed):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3, lambda _: os.truncate(ADM.path / "resume/0000002.safetensors", 0))
        message = refusal(lambda: train(ADM))
    assert "0000002.safetensors: changed since it was written; the same command continues" in message
    assert not ADM.record.exists() and not ADM.weights().exists()
    train(ADM)
    shutil.rmtree(ADM.path / "resume.damaged-1")
    assert left(ADM) == undisturbed


def test_two_generations_of_states_are_kept(undisturbed):
    interrupted(ADM, 3)
    assert [state.name[:14] for state in states_of(ADM)] == ["state-0000002-", "state-0000003-"]


def test_no_state_is_kept_before_it_is_time(undisturbed, monkeypatch):
    monkeypatch.setenv(STATE_VARIABLE, "60")
    interrupted(ADM, 3)
    assert [state.name[:14] for state in states_of(ADM)] == ["state-0000002-"]  # with the snapshot


def test_the_seconds_of_all_jobs_are_counted(undisturbed, monkeypatch):
    interrupted(ADM, 3)
    (ADM.path / "resume/seconds.json").write_text(json.dumps({"startup": 1000.0, "training": 2000.0}))
    train(ADM)
    seconds = read_record(ADM.record)["seconds"]
    assert 1000 < seconds["startup"] < 1999 and 2000 < seconds["training"] < 2999


# Finished runs.


def trained_again(run):
    """Whether the same command trains a finished run again."""
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 0, begun.append)
        train(run)
    return bool(begun)


def test_the_record_tells_every_file_of_the_run():
    train(ADM)
    told = read_record(ADM.record)["files"]
    assert sorted(told) == OUTPUTS
    for name, entry in told.items():
        assert entry == {"sha256": file_hash(ADM.path / name), "bytes": (ADM.path / name).stat().st_size}


def test_a_current_run_is_kept(capsys):
    train(ADM)
    before = {name: (ADM.path / name).stat().st_mtime_ns for name in files(ADM)}
    assert not trained_again(ADM)
    assert f"{ADM}: current, kept" in capsys.readouterr().out
    assert {name: (ADM.path / name).stat().st_mtime_ns for name in files(ADM)} == before


def edit_record(change):
    record = read_record(ADM.record)
    change(record)
    write_record(ADM.record, record)


NOT_CURRENT = {
    "weights cut off": lambda: os.truncate(ADM.weights(), 100),
    "snapshot gone": lambda: ADM.weights("0000002").unlink(),
    "state empty": lambda: os.truncate(ADM.state, 0),
    "log changed": lambda: (ADM.path / "final/train.jsonl").write_text("{}"),
    "record cut off": lambda: os.truncate(ADM.record, 50),
    "record without files": lambda: edit_record(lambda record: record.pop("files")),
    "record that leaves one out": lambda: edit_record(lambda record: record["files"].popitem()),
    "another digest": lambda: edit_record(lambda record: record.update(digest="0" * 16)),
    "files elsewhere": lambda: edit_record(lambda record: record["files"].update({"/etc/passwd": {"sha256": "0"}})),
    "nonsense for files": lambda: edit_record(lambda record: record.update(files=["weights"])),
}


@pytest.mark.parametrize("how", NOT_CURRENT)
def test_a_run_that_is_not_what_its_record_says_is_trained_again(undisturbed, how):
    train(ADM)
    NOT_CURRENT[how]()
    assert trained_again(ADM)
    assert left(ADM) == undisturbed


def test_a_run_of_another_parent_is_not_current():
    train(ADM)
    train(LONG)
    run = load_run(LONG)
    assert read_record(LONG.record)["inputs"] == {"continues": file_hash(ADM.state)} and is_current(run)
    edit_record(lambda record: record["files"]["final/state.pt"].update(sha256="0" * 64))
    assert not is_current(run)
    assert "state.pt: not the file that" in refusal(lambda: train(LONG))


# Disks.


def test_a_full_disk_is_one_line_and_the_same_command_continues_after_it(undisturbed):
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 3, lambda _: full(patch))
        message = refusal(lambda: train(ADM))
    assert "resume/" in message and "cannot be written (No space left on device)" in message
    assert [state.name[:14] for state in states_of(ADM)] == ["state-0000002-", "state-0000003-"]
    train(ADM)
    assert left(ADM) == undisturbed


def full(patch):
    """Let nothing more go onto the disk."""

    def fsync(handle):
        raise OSError(28, "No space left on device")

    patch.setattr(os, "fsync", fsync)
