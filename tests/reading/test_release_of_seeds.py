"""A suite of many seeds is released some at a time, each from a machine that may have no others."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import HASHES, SOURCES, run_record
from test_report import SUITE, make_tree, write

from atbench.reading import packs
from atbench.reading.tree import CELLS, MANIFEST
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.json_files import read_json
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import load
from atbench.tasks import release as releasing
from atbench.tasks.release import only_trained, release


@pytest.fixture
def benchmark() -> Benchmark:
    """Scale ci, its suite from two seeds."""
    here = load("ci")
    suite = here.resolved[SUITE]
    two = replace(suite, size=suite.size.model_copy(update={"seeds": (0, 1)}))
    return replace(here, resolved={**here.resolved, SUITE: two}, _suites={}, _runs={}, _judgings={})


@pytest.fixture(autouse=True)
def sources(monkeypatch, tmp_path):
    """Fixed source hashes, and an empty current folder."""
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    monkeypatch.chdir(tmp_path)


def made(benchmark: Benchmark, *seeds: int, judge: str = HASHES["extractor"]) -> None:
    """Local results of some seeds alone, by an extractor whose weights have a hash."""
    shutil.rmtree("results/ci", ignore_errors=True)
    make_tree(benchmark, Path("results/ci"), list(seeds))
    for run in benchmark.foundations([SUITE]):
        name = run.address.weights().relative_to(run.address.path).as_posix()
        write(run.address.record, run_record(run) | {"files": {name: {"sha256": judge, "bytes": 9}}})


def contents(folder: Path) -> dict[str, bytes]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_seeds_released_one_by_one_are_what_all_at_once_would_be(benchmark):
    released = Path("results/released/ci")
    made(benchmark, 0, 1)
    release(benchmark, [SUITE])
    at_once = contents(released)
    shutil.rmtree(released)
    for seed in (0, 1):
        made(benchmark, seed)
        release(benchmark, [SUITE], [seed])
        count = len({name.split("/")[1] for name in packs.read_whole(released / SUITE / CELLS)})
        assert count == 1 + seed
        assert read_json(released / MANIFEST)["files"].keys() == at_once.keys() - {MANIFEST}
    assert contents(released) == at_once


def test_a_later_seed_comes_without_the_first_and_leaves_its_sheets(benchmark):
    made(benchmark, 1)
    release(benchmark, [SUITE], [1])
    assert not list(Path("results/released/ci").glob("*/sheets/*"))
    made(benchmark, 0)
    release(benchmark, [SUITE], [0])
    sheets = contents(Path(f"results/released/ci/{SUITE}/sheets"))
    made(benchmark, 1)
    release(benchmark, [SUITE], [1])
    assert sheets and contents(Path(f"results/released/ci/{SUITE}/sheets")) == sheets


def test_a_release_that_was_stopped_is_continued_by_the_same_command(benchmark, monkeypatch):
    made(benchmark, 0, 1)
    release(benchmark, [SUITE])
    at_once = contents(Path("results/released/ci"))

    def stopped(*_):
        raise KeyboardInterrupt

    for function in ("write_packs", "released_before", "write_manifest", "draw", "cost", "write_json"):
        with monkeypatch.context() as patch:
            patch.setattr(releasing, function, stopped)
            with pytest.raises(KeyboardInterrupt):
                release(benchmark, [SUITE])
        release(benchmark, [SUITE])
        assert contents(Path("results/released/ci")) == at_once, function


def test_what_a_suite_has_no_longer_goes_when_it_is_released_whole(benchmark):
    made(benchmark, 0, 1)
    release(benchmark, [SUITE])
    one = replace(benchmark.resolved[SUITE], size=benchmark.resolved[SUITE].size.model_copy(update={"seeds": (0,)}))
    fewer = replace(benchmark, resolved={**benchmark.resolved, SUITE: one}, _suites={}, _runs={}, _judgings={})
    made(fewer, 0)
    release(fewer, [SUITE])
    names = packs.read_whole(Path(f"results/released/ci/{SUITE}") / CELLS)
    assert names and {name.split("/")[1] for name in names} == {"seed0"}


def test_a_run_of_another_configuration_is_not_released(benchmark):
    made(benchmark, 0, 1)
    run = benchmark.suite(SUITE).runs()[0]
    write(run.address.record, run_record(run) | {"digest": "0" * 16})
    with pytest.raises(
        UserError, match=r"config\.json: training configuration changed; train it again before releasing"
    ):
        release(benchmark, [SUITE])


def test_a_seed_that_is_not_whole_or_not_declared_is_refused(benchmark):
    made(benchmark, 0)
    with pytest.raises(UserError, match=r"seed1/.*: missing"):
        release(benchmark, [SUITE])
    with pytest.raises(UserError, match=r"--seeds: 7: scale ci has no such seed of"):
        release(benchmark, [SUITE], [7])
    assert not Path("results/released").exists()


def test_a_seed_is_released_with_the_teacher_of_that_seed_alone():
    runs = only_trained(load("ci"), ["latent-consistency"], [3])
    assert [(run.suite.name, run.address.seed) for run in runs][-1] == ("latent", 3)
    assert {run.suite.name for run in runs} == {"extractor", "autoencoder", "latent"} and len(runs) == 3


def test_a_seed_that_another_judge_measured_is_not_released_beside_the_first_ones(benchmark):
    made(benchmark, 0)
    release(benchmark, [SUITE], [0])
    before = contents(Path("results/released"))
    made(benchmark, 1, judge="d" * 64)
    with pytest.raises(UserError, match=r"digits-cnn/seed0/weights/final.safetensors: other weights than those behind"):
        release(benchmark, [SUITE], [1])
    assert contents(Path("results/released")) == before
