"""The record of a machine, and the page that is written from it."""

import copy
import json

import pytest
from checkout import REPOSITORY

from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from benchmarks import method, page, record
from benchmarks.record import PairForm

SAMPLES = ((0.8, 1.0), (0.9, 1.0), (1.6, 2.0), (0.7, 1.0), (0.85, 1.0))


def measured(samples=SAMPLES, flops=None):
    """What a column comes to whose sides took so many seconds."""
    pairs = [
        PairForm(
            first=("ours", "peer")[place % 2],
            ours={"cpu": ours, "wall": 2 * ours},
            peer={"cpu": peer, "wall": 2 * peer},
        )
        for place, (ours, peer) in enumerate(samples)
    ]
    return method.summary(pairs, "cpu", 3) | {"agreement": "outputs differ by 1e-06", "flops": flops}


def made(**changes):
    """A record with a row of each kind and a curve."""
    flops = {"count": 400, "per_second": 60.0, "matmul_per_second": 80.0}
    words = {"ours": "`Trainer`", "peer": "guided-diffusion", "goal": 0.85}
    return {
        "machine": {
            "cpu": "EPYC",
            "cores": 2,
            "memory_bytes": 2**34,
            "flags": ["avx2"],
            "gpu": None,
            "system": "Linux",
            "python": "3.11.7",
        },
        "versions": {"torch": "2.15.0"},
        "threads": 1,
        "lanes": 2,
        "environment": {"OMP_NUM_THREADS": "1"},
        "quick": False,
        "date": "2026-01-02T03:04:05+00:00",
        "commit": "0" * 40,
        "dirty": False,
        "seconds": 1200.0,
        "rows": {
            "update": words
            | {"what": "update", "columns": {"eager": measured(flops=flops), "cuda": {"skipped": "no GPU"}}},
            "png": words | {"what": "2,500 PNG; more", "goal": 0.7, "columns": {"eager": measured(SAMPLES[:2])}},
            "absent": words | {"what": "sampling", "columns": {"eager": {"skipped": "guided-diffusion: not there"}}},
        },
        "curves": {
            "batch": {
                "what": "update",
                "size": "images per batch",
                "points": method.points({size: [{"cpu": 0.1 * size, "wall": 0.1 * size}] for size in (1, 4)}),
            }
        },
    } | changes


def test_every_pair_has_its_ratio_and_a_record_comes_back_as_it_was(tmp_path):
    path = record.write(tmp_path / "machine.json", made())
    found = record.read(path)
    assert found.rows["update"].columns["eager"].ratio == 0.8
    assert found.rows["update"].columns["eager"].flops.share == 0.75
    rows = json.loads(path.read_text())["rows"]
    columns = [column for row in rows.values() for column in row["columns"].values()]
    assert all(("ratio" in column) != ("skipped" in column) for column in columns) and len(columns) == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda column: column.update(ratio=0.5), "ratio 0.5 is not the median of the pairs"),
        (lambda column: column.pop("ratio"), "ratio"),
        (lambda column: column["ours"]["cpu"].update(median=0.1), "ours.cpu.median 0.1 is not that of the pairs"),
        (lambda column: column["pairs"][0]["peer"].pop("wall"), "ours has .*, the peer"),
        (lambda column: column["pairs"][0]["ours"].update(cpu=0.0), "cpu"),
        (lambda column: column.update(judged_by="bytes"), "ratio"),
        (lambda column: column.pop("agreement"), "agreement"),
        (lambda column: column.update(pairs=[]), "pairs"),
    ],
)
def test_numbers_that_do_not_follow_from_the_pairs_are_refused(change, said, tmp_path):
    wrong = copy.deepcopy(made())
    change(wrong["rows"]["update"]["columns"]["eager"])
    with pytest.raises(UserError, match=rf"machine\.json.*{said}"):
        record.write(tmp_path / "machine.json", wrong)


def test_a_record_changed_by_hand_is_refused(tmp_path):
    write_record(tmp_path / "machine.json", made())
    text = (tmp_path / "machine.json").read_text()
    (tmp_path / "machine.json").write_text(text.replace('"lanes": 2', '"lanes": 1'))
    with pytest.raises(UserError, match="its seal does not fit"):
        record.read(tmp_path / "machine.json")


def test_the_released_records_are_no_quick_ones_and_have_every_row():
    for name, found in page.released().items():
        assert not found.quick and not found.dirty, name
        assert (page.RELEASED / f"{name}.png").exists() and (page.RELEASED / f"{name}.pdf").exists()


def test_the_page_says_what_the_released_records_say():
    text = (REPOSITORY / "docs/speed.md").read_text()
    assert page.replaced(text, page.block(page.released())) == text, "run `python -m benchmarks page`"


@pytest.fixture
def found(tmp_path):
    return record.read(record.write(tmp_path / "machine.json", made()))


def test_the_table_says_ratios_intervals_goals_and_what_is_missing(found):
    lines = page.table(found).splitlines()
    update = next(line for line in lines if line.startswith("| `update`: update | **"))
    assert "**0.800** [0.7" in update and "| 0.85: met |" in update and "850 ms CPU, 5 pairs" in update
    assert update.endswith("| 0.75 |")
    few = next(line for line in lines if line.startswith("| `png`: 2,500 PNG"))
    assert "**0.850** (0.800 to 0.900)" in few and "| 0.70: not met |" in few
    assert "Empty, since guided-diffusion: not there: absent (eager)." in lines
    assert "Empty, since no GPU: update (cuda)." in lines
    assert "| `batch`: update | images per batch 1: 100 ms, 4: 400 ms |" in lines


def test_a_page_without_records_says_how_to_make_one():
    assert page.block({}) == page.NOTHING and "make bench" in page.NOTHING


def test_only_the_block_of_the_page_is_replaced():
    text = f"a\n{page.BEGIN}\nold\n{page.END}\nb"
    assert page.replaced(text, "new") == f"a\n{page.BEGIN}\n\nnew\n\n{page.END}\nb"
    with pytest.raises(UserError, match=r"docs/speed\.md: needs a line"):
        page.replaced("a", "new")


def test_the_figure_shows_every_measured_row_and_every_curve(found):
    drawn = page.figure(found)
    labels = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
    assert labels == ["update", "png"] and drawn.axes[1].get_title() == "batch"
    assert [axes.get_visible() for axes in drawn.axes[1:]] == [True, False, False]
