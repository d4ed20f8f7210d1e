"""Released weights are believed where manifest, record and configuration agree on them, and nowhere else."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import SOURCES
from released_tour import BENCHMARK, EXTRACTOR, FILE, RELEASED, RUN, finished_in
from test_report import SUITE
from test_tree import list_anew

from atbench.reading import packs
from atbench.reading.released import released_run, runs_with_weights
from atbench.reading.tree import MANIFEST, RUNS, manifest
from atbench.report.show import show
from atbench.report.status import status
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.json_files import read_json, write_json
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load
from atbench.tasks import release as releasing
from atbench.tasks.release import release
from atbench.tasks.run_record import trained
from atbench.tasks.take import take


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


def test_weights_their_records_and_the_picture_of_real_images_are_released_and_listed(clone):
    runs = [*BENCHMARK.suite(SUITE).runs(), EXTRACTOR]
    names = {f"{run.address.suite}/{run.address.method}/seed0/weights/final.safetensors" for run in runs}
    listed = manifest(RELEASED)
    assert {name for name in listed if name.endswith(".safetensors")} == names
    assert all(file_hash(RELEASED / name) == listed[name] for name in names)
    assert "reference/digits-digits-cnn.png" in listed
    assert {run.path for run in runs_with_weights("tour")} == {run.address.path for run in runs}


def test_a_scale_may_release_the_weights_of_its_judge_alone(finished, tmp_path, monkeypatch):
    shutil.copytree(finished / "results/tour", tmp_path / "results/tour")
    monkeypatch.chdir(tmp_path)
    file = BENCHMARK.file.model_copy(update={"releases_weights": ("extractor",)})
    release(replace(BENCHMARK, file=file), [SUITE])
    (run,) = runs_with_weights("tour")
    assert run == EXTRACTOR.address and released_run(EXTRACTOR).weights


def test_other_scales_release_no_weights():
    assert releasing.weights_files(load("ci"), [SUITE]) == []


def test_more_weights_than_a_clone_should_carry_are_refused(finished, monkeypatch):
    monkeypatch.chdir(finished)
    monkeypatch.setattr(releasing, "MOST_WEIGHTS", 10)
    with pytest.raises(UserError, match=r"results/tour: weights of \d+ bytes, allowed: 10"):
        release(BENCHMARK, [SUITE])


def test_what_is_taken_is_the_run_as_it_was(clone, finished):
    take(RUN)
    assert RUN.address.weights().read_bytes() == (finished / RUN.address.weights()).read_bytes()
    assert read_record(RUN.address.record) == read_record(finished / RUN.address.record)


def test_a_run_that_is_asked_for_and_not_here_is_taken(clone, capfd):
    assert trained(RUN)["digest"] == RUN.digest
    assert "results/tour/scratch/at/seed0: weights taken from results/released/tour" in capfd.readouterr().err
    RUN.address.weights().unlink()
    trained(RUN)
    assert RUN.address.weights().exists()


def test_where_no_weights_are_released_the_message_names_the_command_that_makes_them(clone):
    shutil.rmtree(FILE.parent)
    with pytest.raises(UserError) as refused:
        trained(RUN)
    assert str(refused.value) == (
        "results/tour/scratch/at/seed0: its weights are neither here nor released; to make them: "
        "snakemake --cores all results/tour/scratch/at/seed0/weights --config scale=tour"
    )


def test_weights_of_another_configuration_count_as_none(clone):
    change_record(digest="0" * 16)
    assert released_run(RUN) is None


def unlist() -> None:
    content = read_json(RELEASED / MANIFEST)
    del content["files"][FILE.relative_to(RELEASED).as_posix()]
    write_json(RELEASED / MANIFEST, content)


def replace_and_list() -> None:
    FILE.write_bytes(b"others")
    list_anew(FILE.absolute())


def change_record(**changes) -> None:
    pack = RELEASED / SUITE / RUNS
    records = packs.read_whole(pack)
    records["at/seed0/config.json"] |= changes
    packs.write(pack, records)
    list_anew(pack.absolute())


def forget_record() -> None:
    pack = RELEASED / SUITE / RUNS
    records = packs.read_whole(pack)
    del records["at/seed0/config.json"]
    packs.write(pack, records)
    list_anew(pack.absolute())


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda: FILE.write_bytes(b"others"), "not what manifest.json lists"),
        (FILE.unlink, "cannot be read"),
        (unlist, "manifest.json does not list it"),
        ((RELEASED / MANIFEST).unlink, "manifest.json does not list it"),
        (replace_and_list, "not the file that the record of its run tells of"),
        (lambda: change_record(slice={}), "slice.snapshots: names no weights"),
        (forget_record, "missing beside its weights"),
    ],
    ids=["other bytes", "gone", "not listed", "no manifest", "listed anew", "record of no step", "no record"],
)
def test_what_does_not_fit_is_named_and_not_taken(clone, spoil, words):
    spoil()
    with pytest.raises(UserError, match=words):
        take(RUN)
    assert not RUN.address.path.exists()


@pytest.mark.parametrize(("moved", "older"), [("training", 0), ("evaluation", 36)])
def test_the_sources_of_a_taken_run_are_those_of_its_time(finished, tmp_path, monkeypatch, moved, older):
    """After `make tour` with sources that moved on since the release, its cells were called "older code"."""
    shutil.copytree(finished / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(provenance, "source_hash", lambda part: "f" * 16 if part == moved else SOURCES[part])
    here = Path("results/tour")
    assert status(BENCHMARK, here, [SUITE]).value["total"]["older_code"] == older
    record = read_record(RUN.address.record)
    write_record(RUN.address.record, record | {"seconds": record["seconds"] | {"training": 1.0}})  # one trained here
    assert status(BENCHMARK, here, [SUITE]).value["total"]["older_code"] == max(older, 12)


def test_the_released_cell_is_shown_where_there_is_no_local_one(clone):
    name = "scratch/at/seed0/final/ddim-nfe10.json"
    assert str(show(f"results/tour/{name}")).startswith(f"{RELEASED}/{name}\n")
    other = "results/tour/scratch/at/seed0/final/ddim-nfe7.json"
    with pytest.raises(UserError, match=f"{other}: no such result; to make it: snakemake --cores all {other} --config"):
        show(other)
