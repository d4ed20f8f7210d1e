"""What cannot be believed is set back in time, or aside where Snakemake has no time to compare it with."""

import os

import pytest
from made_up import HASHES, provenance

from atbench.probes.mixture import PROBE
from atbench.runtime.records import write_record
from atbench.spec.load import load
from atbench.workflow.times import LONG_AGO, REFUSED, Times

BENCHMARK = load("ci")
RUN = BENCHMARK.suite("scratch").run("at", 0)


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def mixture(**changes):
    row = {"bumps": 2, "objective": "plain", "radius": 0.0, "t": 0, "kl_pq": 0.1, "kl_qp": 0.1}
    row |= {"nll": 1.0, "bound": 1.0, "loss": 1.0, "visited": 0.1}
    record = {"rows": [row], "settings": {}, "config": PROBE.digests(BENCHMARK), "provenance": provenance()}
    path = PROBE.path(BENCHMARK)
    write_record(path, record | changes)
    return path


def notice(path, acts=True):
    Times("ci", acts).of_measure(path, PROBE.name, None, PROBE.digests(BENCHMARK))


def test_what_can_be_believed_stays(capfd):
    path = mixture()
    before = path.stat().st_mtime_ns
    notice(path)
    assert path.stat().st_mtime_ns == before and capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_text(path.read_text().replace("0.1", "0.2")), "its seal does not fit"),
        (lambda path: path.write_text(path.read_text()[:99]), "perhaps cut off"),
        (lambda path: mixture(config={"mixture": "0" * 16}), "configuration changed"),
    ],
    ids=["by hand", "cut off", "other settings"],
)
def test_a_measure_of_the_scale_is_set_aside_and_named(spoil, words, capfd):
    path = mixture()
    spoil(path)
    content = path.read_bytes()
    notice(path, acts=False)  # a dry run tells, and changes nothing
    assert path.read_bytes() == content
    notice(path)
    aside = path.with_name(path.name + REFUSED)
    assert not path.exists() and aside.read_bytes() == content
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 and all(str(path) in line and words in line for line in lines)


def test_a_run_of_other_files_is_named_and_made_again(capfd):
    record = {"digest": RUN.digest, "slice": RUN.slice, "counts": {"batches": 1, "updates": 1}, "parameters": 1}
    record |= {"seconds": {}, "provenance": provenance()}
    record["files"] = {"weights/final.safetensors": {"sha256": HASHES["weights"], "bytes": 6}}
    write_record(RUN.address.record, record)
    Times("ci", True).of_run(RUN)  # without the files, as where only records were kept
    assert RUN.address.record.exists()
    RUN.address.weights().parent.mkdir()
    RUN.address.weights().write_bytes(b"others")
    Times("ci", True).of_run(RUN)
    assert not RUN.address.record.exists()
    assert "weights/final.safetensors changed since; to be made again" in capfd.readouterr().err


def test_what_has_something_before_it_is_set_back_in_time():
    tuned = BENCHMARK.suite("finetune").run("at", 0)
    tuned.address.record.parent.mkdir(parents=True)
    tuned.address.record.write_text("{}")
    Times("ci", True).of_run(tuned)
    assert os.stat(tuned.address.record).st_mtime == LONG_AGO[1]
