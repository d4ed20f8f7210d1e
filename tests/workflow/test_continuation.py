"""What is interrupted, or copied elsewhere, as the workflow meets it."""

import json
import os
import re
import shutil
import signal
import subprocess
import threading

import pytest
from checkout import BIN, Checkout, edit, jobs, wait_for

from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record, write_record

RUN = "results/ci/scratch/adm/seed0"


@pytest.fixture
def long_run(tmp_path):
    """A checkout in which ADM trains for a hundred batches."""
    checkout = Checkout(tmp_path / "atbench")
    edit(checkout.folder / "experiments/scales/ci.yaml", lambda scale: scale["suites"]["scratch"].update(batches=100))
    return checkout


def begun(checkout):
    """The process that trains ADM, once it is at its batches."""
    wait_for(lambda: "from batch" in said(checkout, "train.log") and said(checkout, "train.lock"))
    return int(re.match(r"process (\d+) on", said(checkout, "train.lock"))[1])


def said(checkout, name):
    """What stands in a file of the run; nothing where it is not there: Snakemake removes the log before a job."""
    try:
        return (checkout.folder / RUN / name).read_text()
    except FileNotFoundError:
        return ""


def test_a_retry_goes_on_where_a_job_was_told_to_stop(long_run):
    teller = threading.Thread(target=lambda: os.kill(begun(long_run), signal.SIGTERM), daemon=True)
    teller.start()
    long_run.snakemake("--retries", "1", f"{RUN}/weights")
    log = (long_run.folder / RUN / "train.log").read_text()  # of the second try
    assert 0 < int(re.search(r"from batch (\d+)\n", log)[1]) < 100
    assert jobs(long_run.snakemake("-n", f"{RUN}/weights")) == {}


def test_a_job_that_outlived_snakemake_is_waited_for_and_its_run_kept(long_run):
    """Snakemake alone is killed; the one that is started next must not train the same run beside its orphan."""
    command = [BIN / "snakemake", "--cores", "1", f"{RUN}/weights", "--config", "scale=ci"]
    environment = os.environ | {"PYTHONPATH": str(long_run.folder), "PATH": f"{BIN}:{os.environ['PATH']}"}
    first = subprocess.Popen(command, cwd=long_run.folder, env=environment, stderr=subprocess.DEVNULL)
    orphan = begun(long_run)
    os.kill(orphan, signal.SIGSTOP)  # until the other has met it
    first.kill()
    first.wait()
    threading.Thread(target=lambda: let_go_on(orphan, long_run), daemon=True).start()
    long_run.run("snakemake", "--unlock", "--config", "scale=ci")
    long_run.snakemake(f"{RUN}/weights")
    log = (long_run.folder / RUN / "train.log").read_text()
    assert f"held by process {orphan} on" in log and "current, kept" in log
    assert json.loads((long_run.folder / RUN / "config.json").read_text())["counts"]["batches"] == 100


def let_go_on(stopped, checkout):
    """Wake a stopped process when another waits for the training of ADM, and in any case: else both wait for ever."""
    try:
        wait_for(lambda: "waiting for it to end" in said(checkout, "train.log"))
    finally:
        os.kill(stopped, signal.SIGCONT)


TRAINED = tuple(f"results/ci/{run}/seed0/weights" for run in ("finetune/at", "latent/ldm"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkout in which two runs are trained, with what they rest on: a state, an autoencoder."""
    checkout = Checkout(tmp_path_factory.mktemp("trained") / "atbench")
    checkout.snakemake(*TRAINED)
    assert trains(checkout) == []
    return checkout


@pytest.fixture
def elsewhere(trained, tmp_path):
    """A copy of it, which a test may change; Snakemake's memory stayed behind."""
    copied = trained.copy(tmp_path / "atbench")
    shutil.rmtree(copied.folder / ".snakemake")
    return copied


def trains(checkout):
    """Suite and method of the runs that would be trained."""
    return checkout.planned(*TRAINED).get("train", [])


@pytest.mark.parametrize("backwards", [False, True])
def test_results_that_were_copied_elsewhere_are_not_trained_again(elsewhere, backwards):
    """Whatever the order in which their times came out."""
    files = sorted((path for path in (elsewhere.folder / "results").rglob("*") if path.is_file()), reverse=backwards)
    for place, path in enumerate(files):
        os.utime(path, (1e9 + 10 * place,) * 2)
    assert trains(elsewhere) == []


@pytest.mark.parametrize(
    ("run", "again"),
    [("scratch/adm", ["finetune/at", "scratch/adm-3x"]), ("autoencoder/kl-autoencoder", ["latent/ldm"])],
)
def test_a_run_whose_parent_was_replaced_is_trained_again_whatever_the_times(elsewhere, run, again):
    """By another of the same configuration; and so is what builds on it."""
    record = elsewhere.folder / f"results/ci/{run}/seed0/config.json"
    edited = read_record(record)
    for name in edited["files"]:
        file = record.parent / name
        file.write_bytes(file.read_bytes() + b"x")
        edited["files"][name] = {"sha256": file_hash(file), "bytes": file.stat().st_size}
    write_record(record, edited)
    for path in record.parent.rglob("*"):
        os.utime(path, (1e9, 1e9))
    assert trains(elsewhere) == again
