"""What captions say of seeds that are still to come, and tables of searches that have nothing to show."""

import pandas as pd

from atbench.reading.sheet import Sheet
from atbench.report import captions, render, sampler_tuning_table
from atbench.runtime.records import write_record
from atbench.spec.load import load


def frame(*statuses):
    """Cells of seeds 0, 1, ..., each with the statuses of its cells."""
    rows = [("scratch", seed, word, False) for seed, words in enumerate(statuses) for word in words.split()]
    return pd.DataFrame(rows, columns=["suite", "seed", "status", "off_grid"])


def test_seeds_that_have_no_cell_are_counted_apart():
    cells = frame("done done", "missing missing", "done stale")
    assert captions.seeds(cells) == "2 of 3 seeds"
    assert captions.gaps(cells) == "Of 4 cells 1 are stale and 0 missing; 1 seed is not begun."
    cells = frame("done missing", "missing missing", "missing missing")
    assert captions.gaps(cells) == "Of 2 cells 0 are stale and 1 missing; 2 seeds are not begun."


def test_a_suite_without_any_cell_is_missing_whatever_others_have():
    cells = pd.concat([frame("done", "missing"), frame("missing", "missing").assign(suite="finetune")])
    assert captions.gaps(cells) == "Of 3 cells 0 are stale and 2 missing; 1 seed is not begun."


def test_a_cell_beside_the_grid_begins_no_seed():
    beside = frame("missing", "done").query("seed == 1").assign(off_grid=True)
    cells = pd.concat([frame("done", "missing"), beside])
    assert captions.gaps(cells) == "Of 1 cells 0 are stale and 0 missing; 1 seed is not begun."


def test_a_cell_beside_the_grid_of_a_seed_that_no_file_declares_is_not_counted():
    beside = frame("missing", "missing", "done").query("seed == 2").assign(off_grid=True)
    cells = pd.concat([frame("done", "missing"), beside])
    assert captions.seeds(cells) == "1 of 2 seeds"
    assert captions.gaps(cells) == "Of 1 cells 0 are stale and 0 missing; 1 seed is not begun."


def test_without_any_cell_all_are_missing():
    cells = frame("missing", "missing")
    assert captions.seeds(cells) == "2 seeds" and captions.gaps(cells) == "Of 2 cells 0 are stale and 2 missing."
    assert captions.seeds(frame("done")) == "1 seed"


def search(root):
    tried = [
        {"options": {"dcw": {"low": 0.0, "high": 0.0}}, "fd": {"5": 4.0, "10": 2.0}},
        {"options": {"dcw": {"low": -0.1, "high": 0.0}}, "fd": {"5": 3.0, "10": 2.5}},
    ]
    record = {"suite": "scratch", "metric": "fd", "seed": 100, "seeds": [100, 101], "samplers": {"dcw-ddim": tried}}
    record |= {"winners": {"dcw-ddim": {}}, "best": {"ddim": "dcw-ddim"}, "configs": {}}
    write_record(root / "tuning/scratch-samplers.json", record)


def test_the_search_of_samplers_shows_every_candidate_and_the_lowest_in_bold(tmp_path):
    search(tmp_path)
    table = sampler_tuning_table.table(Sheet(load("fashion"), tmp_path, pd.DataFrame(), ["scratch"]))
    text = table.text(render.MARKDOWN)
    assert "the first, which wins" in table.caption
    assert list(text.index) == [("DDIM, DCW", "low 0, high 0"), ("DDIM, DCW", "low -0.1, high 0")]
    assert text.to_numpy().tolist() == [["4.00", "**2.00**"], ["**3.00**", "2.50"]]
    assert "FD-fashion of the suite's baseline, means over seeds 100, 101" in table.caption


def test_a_table_without_a_line_says_so_and_has_its_columns(tmp_path):
    table = sampler_tuning_table.table(Sheet(load("fashion"), tmp_path, pd.DataFrame(), ["scratch"]))
    assert table.numbers.empty and render.NO_RESULTS in render.markdown(table)
    laid = render.laid_out({}, ("A", "B"), ["C", "D"])
    assert laid.index.tolist() == [(render.NO_RESULTS, "")] and laid.columns.tolist() == ["C", "D"]
