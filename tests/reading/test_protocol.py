"""Results of different protocols never stand in one table, and each is judged by the digests of its own."""

from pathlib import Path

import pytest
from checkout import REPOSITORY
from test_report import SUITE, edit, make_tree

from atbench.reading import doubt
from atbench.reading.tidy import collect
from atbench.reading.tree import MANIFEST, Tree, of_its_time
from atbench.runtime.errors import UserError
from atbench.runtime.json_files import write_json
from atbench.runtime.provenance import PROTOCOL
from atbench.spec.load import load
from atbench.tasks.release import release

BENCHMARK = load("ci")


def released_under(protocol: int | None, root: Path) -> Path:
    """A released scale without files, whose manifest says a protocol, or none as the first one's did."""
    said = {} if protocol is None else {"protocol": protocol}
    root.mkdir(parents=True, exist_ok=True)
    write_json(root / MANIFEST, {"commit": "0" * 40, "dirty": False, "scale": "ci", "files": {}} | said)
    return root


def test_a_protocol_moves_every_digest_and_two_readings_of_it_agree():
    now, before = BENCHMARK.suite(SUITE), BENCHMARK.under(1).suite(SUITE)
    for run, old in zip(now.runs(), before.runs(), strict=True):
        assert run.digest != old.digest and run.slice["protocol"] == PROTOCOL and "protocol" not in old.slice
    for cell, old in zip(now.cells(), before.cells(), strict=True):
        assert cell.digest != old.digest and cell.digests["training"] != old.digests["training"]
    assert BENCHMARK.under(1) is BENCHMARK.under(1) and BENCHMARK.under(1).under(PROTOCOL).suite(SUITE).cells()
    assert BENCHMARK.under(PROTOCOL) is BENCHMARK


def test_a_manifest_says_the_protocol_and_one_without_is_of_the_first(tmp_path):
    assert Tree(tmp_path).protocol == PROTOCOL
    assert Tree(released_under(None, tmp_path / "old")).protocol == 1
    assert Tree(released_under(7, tmp_path / "new")).protocol == 7


def test_records_of_another_protocol_are_stale_and_say_so(tmp_path):
    root = make_tree(BENCHMARK.under(1), tmp_path / "results/ci", None)
    for file in root.glob(f"{SUITE}/*/seed*/*/*-nfe*.json"):
        edit(root, file.relative_to(root / SUITE).as_posix(), of_the_first)
    frame = collect(BENCHMARK, root, [SUITE])
    assert set(frame.status) == {"stale"} and set(frame.problem) == {f"made under protocol 1, not {PROTOCOL}"}
    cell = BENCHMARK.under(1).suite(SUITE).cells()[0]
    assert not doubt.of_cell(Tree(root), cell, Tree(root).cell(cell.address))


def of_the_first(record):
    del record["provenance"]["protocol"]


def test_nothing_is_released_beside_results_of_another_protocol(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    released_under(None, tmp_path / "results/released/ci")
    with pytest.raises(UserError, match=rf"released/ci/{MANIFEST}: of protocol 1, not {PROTOCOL}: remove it"):
        release(BENCHMARK, [SUITE])


@pytest.mark.parametrize(
    "scale", sorted(file.parent.name for file in REPOSITORY.glob(f"results/released/*/{MANIFEST}"))
)
def test_released_results_are_current_under_their_own_protocol(scale):
    root = REPOSITORY / "results/released" / scale
    benchmark = of_its_time(load(scale), root)
    suites = [name for name in benchmark.suites if Tree(root).cells(scale, name)]
    frame = collect(benchmark, root, suites)
    assert (frame.status == "done").any() and not (frame.status == "stale").any()
