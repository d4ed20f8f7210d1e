"""The table of training-free samplers: what it holds, what its caption says, and where it is declared and shown."""

import math
import shutil

import pytest
import test_report
from rivals import SEEDS, with_rivals
from test_report import SUITE, make_tree

from atbench.judgement.comparisons import of_training_free
from atbench.reading import tidy
from atbench.reading.sheet import Sheet
from atbench.report import render, training_free_table
from atbench.report.build import build
from atbench.report.outputs import outputs_of
from atbench.report.page.suites import section
from atbench.runtime import provenance
from atbench.runtime.records import write_record
from atbench.spec import load, yaml

STEM = "tables/scratch-training-free"
OF_SAMPLER = {"dcw-iddpm": 0.8, "es-ddim": 0.9}


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """Scale ci with rivals in the grid of `scratch`."""
    folder = tmp_path / "experiments"
    shutil.copytree(yaml.EXPERIMENTS, folder)
    with_rivals(folder)
    monkeypatch.setattr(yaml, "EXPERIMENTS", folder)
    monkeypatch.setattr(provenance, "source_hash", test_report.SOURCES.get)
    monkeypatch.setattr(test_report, "fd", distance)
    monkeypatch.setattr(test_report, "SHIFT", test_report.SHIFT | {"at-mid": 0.0, "replay": 0.0})
    load.load.cache_clear()
    yield load.load("ci")
    load.load.cache_clear()


def distance(cell):
    """A made-up distance: AT a tenth better than all others, a correction better by its share."""
    luck = math.exp(0.01 * (hash_of(cell) % 7) + 0.1 * cell.run.seed)
    return 100 / cell.nfe * OF_SAMPLER.get(cell.sampler, 1.0) * (0.9 if cell.run.method == "at-mid" else 1.0) * luck


def hash_of(cell):
    return sum(map(ord, f"{cell.run.method}{cell.sampler}{cell.run.seed}"))


@pytest.fixture
def sheet(benchmark, tmp_path):
    root = make_tree(benchmark, tmp_path / "results/ci", SEEDS)
    return Sheet(benchmark, root, tidy.collect(benchmark, root, [SUITE]), [SUITE])


def text(sheet):
    return training_free_table.table(sheet, SUITE).text(render.MARKDOWN)


def test_rows_are_the_plain_samplers_their_corrections_and_what_is_gained_beside_them(sheet):
    rows = text(sheet)
    labels = [sheet.suite(SUITE).method(name).label for name in ("adm", "at-mid", "replay", "adm-3x")]
    assert sorted(methods_of(rows, "IDDPM")) == sorted(labels)
    blocks = list(dict.fromkeys(block for block, _ in rows.index))
    assert blocks == ["IDDPM", "ES", "IDDPM, DCW", "DDIM", "DDIM, ES", "DDIM, DCW", "Gain, IDDPM", "Gain, DDIM"]
    assert list(rows.columns) == ["NFE 5", "NFE 10"]
    at, adm = (sheet.suite(SUITE).method(name).label for name in ("at-mid", "adm"))
    assert methods_of(rows, "Gain, DDIM")[0] == f"{at} over {adm} (by DDIM, ES)"
    assert f"{at} over {adm} (both by IDDPM, DCW)" in methods_of(rows, "Gain, IDDPM")


def methods_of(rows, block):
    return [name for found, name in rows.index if found == block]


def test_an_entry_is_the_mean_over_seeds_and_a_gain_that_of_log_ratios(sheet):
    rows, suite = text(sheet), sheet.suite(SUITE)
    at, adm = (suite.method(name).label for name in ("at-mid", "adm"))
    values = {
        key: [distance(suite.run(key[0], seed).cell("final", key[1], 5).address) for seed in SEEDS]
        for key in (("at-mid", "iddpm"), ("adm", "dcw-iddpm"))
    }
    ours, theirs = values["at-mid", "iddpm"], values["adm", "dcw-iddpm"]
    assert rows.loc[("IDDPM", at), "NFE 5"].startswith(f"{sum(ours) / 5:.2f} ± ")
    mean = sum(math.log(other / own) for own, other in zip(ours, theirs)) / 5
    share = f"{100 * (1 - math.exp(-mean)):+.0f} % [".replace("-", render.MINUS)
    assert rows.loc[("Gain, IDDPM", f"{at} over {adm} (by IDDPM, DCW)"), "NFE 5"].startswith(share)


def test_bold_are_gains_between_equal_budgets_alone(sheet):
    rows, suite = text(sheet), sheet.suite(SUITE)
    at = suite.method("at-mid").label
    gained = rows.loc["Gain, IDDPM"]["NFE 5"]
    both = {name: gained[f"{at} over {suite.method(name).label} (both by IDDPM, DCW)"] for name in ("adm", "adm-3x")}
    assert both["adm-3x"].startswith("**+") and "**" not in both["adm"] and both["adm"].startswith("+")


def test_the_caption_names_the_best_and_says_where_the_constants_are_from(sheet):
    caption = training_free_table.table(sheet, SUITE).caption
    assert "named before any result: for IDDPM IDDPM, DCW; for DDIM DDIM, ES." in caption
    assert "no search of them stands beside these results: " in caption
    assert "IDDPM, DCW high 0, low 0.05, 0.02 at NFE 5, 10; DDIM, ES eps_scale 1.006" in caption
    record = {"suite": SUITE, "metric": "fd_heldout", "seed": 100, "seeds": [100, 101], "samplers": {}, "configs": {}}
    record |= {"winners": {name: {} for name in ("es-ddim", "dcw-iddpm", "dcw-ddim")}, "best": {}}
    write_record(sheet.root / "tuning/scratch-samplers.json", record)
    caption = training_free_table.table(sheet, SUITE).caption
    searched = "Constants (but those of ES) were tuned by the search through scratch on ADM of seeds 100, 101, which no"
    assert f"{searched} table reports, by FD-digits to held-out images: ES eps_scale 1.017; " in caption


def test_without_a_result_every_row_is_there_and_empty(benchmark, tmp_path):
    empty = Sheet(benchmark, tmp_path, tidy.collect(benchmark, tmp_path, [SUITE]), [SUITE])
    rows = text(empty)
    assert len(rows) == 6 * 4 + 2 * 2 * 3 and {*rows.to_numpy().ravel()} == {"—"}


def test_it_is_declared_for_the_suite_that_names_its_best_and_written_in_three_forms(benchmark, sheet):
    assert [f"{STEM}{suffix}" in outputs_of(benchmark, SUITE) for suffix in (".csv", ".md", ".tex")] == [True] * 3
    assert not any("training-free" in path for path in outputs_of(benchmark, "finetune"))
    build(benchmark, sheet.root, [SUITE], only=[f"{STEM}.csv"])
    header = (sheet.root / f"{STEM}.csv").read_text().splitlines()[0]
    assert header.startswith("kind,base,sampler,nfe,method,mean,std,n,best")
    assert "\\toprule" in (sheet.root / f"{STEM}.tex").read_text()


def test_no_scale_without_named_rivals_has_the_table():
    for scale in ("laptop-1", "workstation", "tour", "paper"):
        benchmark = load.load(scale)
        assert not any(of_training_free(benchmark, name) for name in benchmark.suites)


def test_the_page_shows_it_with_the_cells_behind_each_entry(sheet):
    shown = {measure.name: measure.grid for measure in section(sheet, SUITE).measures}["training-free"]
    keys = {tuple(names): [entry.origin for entry in entries] for names, entries in shown.rows}
    suite = sheet.suite(SUITE)
    gain = f"{suite.method('at-mid').label} over {suite.method('adm').label} (by DDIM, ES)"
    assert keys["Gain, DDIM", gain][0].split() == ["scratch/at-mid/final/ddim-nfe5", "scratch/adm/final/es-ddim-nfe5"]
