"""A result is believed only when what it rests on is what it says: every file that is there is compared."""

from pathlib import Path

import pytest
from made_up import HASHES, SOURCES, rows_record
from test_report import SUITE, make_tree

from atbench.reading.rows import reference_rows
from atbench.reading.runs import collect_runs
from atbench.reading.tidy import collect
from atbench.reading.tree import Tree
from atbench.report.status import status
from atbench.runtime import provenance
from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record, write_record
from atbench.spec.load import load

BENCHMARK = load("ci")
RUN = BENCHMARK.suite(SUITE).run("at", 0)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    return make_tree(BENCHMARK, tmp_path / "results/ci", [0])


def problems(root: Path) -> set[str]:
    """What stands against the cells of the run, all of them."""
    frame = collect(BENCHMARK, root, [SUITE], [0])
    return set(frame[frame.method == "at"].problem)


def put(path: Path, content: bytes = b"others") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_cells_of_other_weights_than_those_there_are_stale(root):
    assert problems(root) == {""}  # no weights, as in a clone: nothing to compare with
    weights = put(Tree(root).folder(RUN.address) / "weights" / RUN.address.weights().name)
    assert problems(root) == {"", "weights changed since"}  # of the last step; the curve's snapshots are not there
    for cell in (cell for cell in RUN.cells if cell.address.step == "final"):
        path = Tree(root).path(cell.address)
        record = read_record(path)
        record["inputs"]["weights"] = file_hash(weights)
        write_record(path, record)
    assert problems(root) == {""}


def test_cells_judged_by_another_reference_or_extractor_are_stale(root):
    rows = root / "reference" / RUN.judging.rows_path().name
    put(rows.with_name(RUN.judging.reference_path().name))
    assert problems(root) == {""}
    record = read_record(rows)
    record["inputs"]["reference"] = "f" * 64
    write_record(rows, record)
    assert problems(root) == {"reference changed since"}
    extractor = RUN.judging.extractor.address
    put(Tree(root).folder(extractor) / "weights" / extractor.weights().name)
    assert problems(root) == {"reference and extractor changed since"}


def test_a_run_whose_files_are_others_than_its_record_says_is_stale(root):
    folder = Tree(root).folder(RUN.address)
    file = put(folder / "weights/final.safetensors", b"whole")
    record = read_record(folder / "config.json")
    record["files"] = {"weights/final.safetensors": {"sha256": file_hash(file), "bytes": 5}}
    write_record(folder / "config.json", record)

    def state() -> tuple[str, str]:
        runs = collect_runs(BENCHMARK, root, [SUITE], [0])
        [row] = runs[(runs.suite == SUITE) & (runs.method == "at")].itertuples()
        return row.status, row.problem

    assert state() == ("done", "")
    file.write_bytes(b"half")
    assert state() == ("stale", "weights/final.safetensors changed since")
    listed = status(BENCHMARK, root, [SUITE], stale=True, seeds=[0]).value["to_make_again"]
    [reason] = [found["reason"] for found in listed if found["path"].endswith("at/seed0/config.json")]
    assert reason == "stale (weights/final.safetensors changed since)"


def test_a_cell_of_another_number_of_samples_is_stale(root):
    path = Tree(root).path(RUN.cells[0].address)
    record = read_record(path)
    record["counts"]["samples"] += 1
    write_record(path, record)
    assert any("samples, not" in problem for problem in problems(root))


@pytest.mark.parametrize(
    ("block", "key", "value", "words"),
    [
        ("metrics", "fd", -5.0, "fd -5 cannot be; allowed: 0 to inf"),
        ("metrics", "precision", 1.5, "precision 1.5 cannot be; allowed: 0 to 1"),
        ("counts", "samples", 0, "counts.samples: 0: must be greater than or equal to 1"),
        ("counts", "samples", 12.0, "counts.samples: 12.0: must be a valid integer"),
        ("counts", "nfe", 7, "counts.nfe 7 is not that of its address, 5"),
        ("provenance", "commit", None, "provenance.commit"),
        ("inputs", "weights", "w", "inputs.weights"),
        ("cell", "colour", "red", "cell.colour"),
    ],
)
def test_numbers_that_cannot_be_are_refused_under_a_seal_that_fits(root, block, key, value, words):
    path = root / SUITE / "at/seed0/final/ddim-nfe5.json"
    record = read_record(path)
    record[block][key] = value
    write_record(path, record)
    frame = collect(BENCHMARK, root, [SUITE], [0])
    [refused] = frame[frame.status == "refused"].problem
    assert refused.startswith(f"{SUITE}/at/seed0/final/ddim-nfe5.json: ") and words in refused


def test_rows_that_cannot_be_are_a_gap_that_is_named_once(root, capfd):
    path = root / "reference" / RUN.judging.rows_path().name
    write_record(path, rows_record({"fd": {"mean": -1.0, "std": 0.1}}, {"fd": 1.0}, {"fd": 300.0}))
    for _ in range(2):
        assert reference_rows(BENCHMARK.suite(SUITE), root) == {}
    assert capfd.readouterr().err.count(f"{path.name}: floor: fd -1 cannot be") == 1


def test_a_record_without_a_seal_is_refused(root):
    path = root / SUITE / "at/seed0/final/ddim-nfe5.json"
    path.write_text(path.read_text().replace('"seal"', '"zeal"'))
    frame = collect(BENCHMARK, root, [SUITE], [0])
    [problem] = frame[frame.status == "refused"].problem
    assert problem.endswith("lacks seal") and HASHES["weights"] not in problem
