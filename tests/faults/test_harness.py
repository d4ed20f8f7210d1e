"""The harness of `make test-faults` itself: it must see a fault where there is one, and none where there is none."""

import json
import os
import random
from pathlib import Path

import pandas as pd
import pytest
from faults import disk, record_mutations, report, trials, workflow
from faults.trials import ACCEPTED, REFUSED, SKIPPED, SURVIVED, Ledger, Trial

RECORD = record_mutations.sealed(
    {"cell": {"seed": 0, "nfe": 5}, "metrics": {"fd": 0.25, "is": 1.5}, "counts": {"samples": 512}, "dirty": False}
)
WITHOUT_NUMBERS = record_mutations.sealed({"commit": "abc", "files": {"scratch/cells.jsonl": "def"}})


def carelessly(path: Path) -> None:
    """Write beside and rename, without a sync."""
    path.with_suffix(".new").write_text("new text")
    os.replace(path.with_suffix(".new"), path)


def carefully(path: Path) -> None:
    """The same with both syncs."""
    with open(path.with_suffix(".new"), "w") as file:
        file.write("new text")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path.with_suffix(".new"), path)
    handle = os.open(path.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def found_after(write, folder: Path) -> dict[str, set]:
    """Kind of crash -> contents of the file that it may leave."""
    file = folder / "record"
    file.write_text("old text")
    with disk.Recorder(folder) as recorder:
        write(file)
    assert file.read_text() == "new text"
    found: dict[str, set] = {}
    for moment, tree in recorder.crashes.items():
        found.setdefault(moment.rsplit(": ", 1)[1], set()).add(tree.get("record"))
    return found


def test_a_writer_that_syncs_leaves_the_old_file_or_the_new_one(tmp_path):
    assert set().union(*found_after(carefully, tmp_path).values()) == {b"old text", b"new text"}


def test_a_writer_that_does_not_sync_leaves_an_empty_file_where_the_power_goes(tmp_path):
    found = found_after(carelessly, tmp_path)
    assert b"" in found["power, names"]
    assert found["killed"] == {b"old text", b"new text"}  # without a power cut it does no harm


def test_a_write_in_place_is_seen_half_done(tmp_path):
    assert b"new " in found_after(lambda file: file.write_text("new text"), tmp_path)["half"]


def test_a_crash_is_laid_out_as_it_was(tmp_path):
    disk.lay_out({"": None, "a": None, "a/b": b"1", "c": b""}, tmp_path / "laid")
    assert (tmp_path / "laid/a/b").read_bytes() == b"1" and (tmp_path / "laid/c").read_bytes() == b""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "FOLDER", tmp_path)
    return tmp_path


def test_a_stopped_part_goes_on_where_it_was_even_after_half_a_line(folder):
    Ledger("part", "python -m part", seed=0).add(Trial("fault", "1", SURVIVED), Trial("fault", "2", REFUSED))
    with open(folder / "part.jsonl", "a") as file:
        file.write('{"fault": "fault", "na')
    again = Ledger("part", "python -m part", seed=0)
    again.add(Trial("fault", "3", ACCEPTED))
    assert list(Ledger("part", "python -m part", seed=0).trials) == ["1", "2", "3"]
    assert not Ledger("part", "python -m part", seed=1).trials  # of other settings nothing is kept


@pytest.mark.parametrize("record", [RECORD, WITHOUT_NUMBERS], ids=["a cell", "a manifest"])
@pytest.mark.parametrize("name", record_mutations.OPERATORS)
def test_what_an_operator_says_must_be_refused_is_another_content(name, record):
    operator, before = record_mutations.OPERATORS[name], json.dumps(record)
    for number in range(50):
        mutant, must = operator(record, random.Random(number))
        assert json.dumps(record) == before  # a copy is changed
        text = mutant if isinstance(mutant, str) else json.dumps(mutant)
        assert (text != before) == must, number
        again, _ = operator(record, random.Random(number))
        assert text == (again if isinstance(again, str) else json.dumps(again))


def test_times_do_not_count_as_a_difference_but_numbers_do(tmp_path):
    one = {"metrics": {"fd": 1.0}, "provenance": {"date": "today", "seconds": {"sampling": 1.0}}}
    for name, record in (("a", one), ("b", one | {"provenance": {"date": "later"}}), ("c", one | {"metrics": {}})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cell.json").write_text(json.dumps(record))
    a, b, c = (workflow.results(tmp_path / name) for name in "abc")
    assert workflow.differences(a, b) == ([], [], [])
    assert workflow.differences(a, c) == ([], ["cell.json"], [])
    assert workflow.differences(a, {}) == (["cell.json"], [], [])


def test_the_table_counts_every_trial_once():
    rows = [("f", SURVIVED), ("f", REFUSED), ("f", ACCEPTED), ("g", trials.LOST), ("g", trials.TRACEBACK)]
    table = report.counts(pd.DataFrame(rows, columns=["fault", "verdict"]).assign(command="c"))
    assert table.tried.tolist() == [3, 2, 5]
    assert table["survived or refused"].tolist() == [2, 0, 2]
    assert table[["lost", "wrongly accepted", "tracebacks"]].values.tolist() == [[0, 1, 0], [1, 0, 1], [1, 1, 1]]
    assert SKIPPED not in {verdict for verdicts in report.COLUMNS.values() for verdict in verdicts}
