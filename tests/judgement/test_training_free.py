"""Gains across samplers by hand, on made-up cells: AT with a plain sampler, plain training with a corrected one."""

import dataclasses
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from rivals import SEEDS, with_rivals

from atbench.judgement import claims, training_free
from atbench.judgement.families import sizes
from atbench.reading import tidy
from atbench.report import render, verdict_table
from atbench.spec import load, yaml

ABOUT = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
KEY = ["claim", "budget"]
BY_HAND = {  # method, sampler -> distances at 5 and 10
    ("at-mid", "iddpm"): (4.0, 2.0),
    ("adm", "dcw-iddpm"): (5.0, 2.5),
    ("at-mid", "ddim"): (3.0, 3.0),
    ("adm", "es-ddim"): (3.3, 2.7),
    ("at-mid", "dcw-iddpm"): (3.0, 2.0),
    ("at-mid", "es-ddim"): (3.0, 2.7),
}
OVER = (2 * math.log(1.25) + math.log(1.1) + math.log(0.9)) / 4
BOTH = (math.log(5 / 3) + math.log(1.25) + math.log(1.1) + 0) / 4


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """Scale ci with rivals in the grid of `scratch`."""
    folder = tmp_path_factory.mktemp("rivals") / "experiments"
    shutil.copytree(yaml.EXPERIMENTS, folder)
    with_rivals(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "EXPERIMENTS", folder)
        load.load.cache_clear()
        yield load.load("ci")
    load.load.cache_clear()


@pytest.fixture
def frame(benchmark):
    """Every declared cell at 6, but for BY_HAND; a seed moves all distances of AT about these."""
    cells = tidy.declared_cells(benchmark, ["scratch"], SEEDS)
    made = pd.DataFrame([cell.address.axes for cell in cells])
    made = made.assign(status="done", off_grid=False, commit="c", reference=1000.0)
    made["fd"] = [
        BY_HAND.get((row.method, row.sampler), (6.0, 6.0))[row.nfe == 10]
        * math.exp(0.01 * ABOUT[row.seed] * (row.method == "at-mid"))
        for row in made.itertuples()
    ]
    return made.assign(fd_heldout=made.fd)


def judged(benchmark, frame):
    return claims.judge(benchmark, frame, ["scratch"]).set_index(KEY)


def test_a_method_with_a_plain_sampler_gains_over_a_baseline_with_a_corrected_one(benchmark, frame):
    row = judged(benchmark, frame).loc["over-training-free", "batches"]
    assert row.gain == pytest.approx(1 - math.exp(-OVER)) and (row.seeds, row.nfe) == (5, "5 10")
    assert (row.samplers, row.baseline_samplers) == ("iddpm ddim", "dcw-iddpm es-ddim")
    half = 2.7764451 * 0.01 * np.std(ABOUT, ddof=1) / math.sqrt(5)  # t of 4 degrees of freedom at 97.5 %
    assert row.low == pytest.approx(1 - math.exp(-(OVER - half)))


def test_a_gain_where_both_use_the_corrected_sampler_is_another(benchmark, frame):
    row = judged(benchmark, frame).loc["with-training-free", "batches"]
    assert row.gain == pytest.approx(1 - math.exp(-BOTH))
    assert row.samplers == row.baseline_samplers == "dcw-iddpm es-ddim"


def test_pairs_are_of_one_seed_and_a_seed_without_the_rivals_cell_is_left_out(benchmark, frame):
    lost = (frame.method == "adm") & (frame.sampler == "es-ddim") & (frame.seed == 3) & (frame.nfe == 5)
    assert lost.sum() == 1
    found = judged(benchmark, frame[~lost])
    row = found.loc["over-training-free", "batches"]
    assert (row.seeds, row.incomplete, row.verdict) == (4, 1, "inconclusive")
    assert row.gain == pytest.approx(1 - math.exp(-(OVER - 0.01 * (ABOUT.sum() - ABOUT[3]) / 4)))
    assert found.loc["over-training-free", "updates"].seeds == 5  # of ADM, 3x batches, nothing is lost


def test_the_primary_family_is_as_large_and_has_the_same_p_with_and_without_these_claims(benchmark, frame):
    others = {name: claim for name, claim in benchmark.claims.items() if not claim.training_free}
    without = dataclasses.replace(benchmark, claims=others)
    frame = frame.assign(fd=frame.fd * np.exp(np.random.default_rng(0).normal(0, 0.1, len(frame))))
    tables = [judged(each, frame) for each in (benchmark, without)]
    primary = [table[table.family == "primary"].drop(columns="baseline_samplers", errors="ignore") for table in tables]
    pd.testing.assert_frame_equal(*primary)
    assert len(primary[0]) and sizes(benchmark) == sizes(without)
    new = tables[0][~tables[0].index.isin(tables[1].index)]
    assert len(new) == 6 and set(new.family) == {""}


def test_elsewhere_the_verdicts_have_neither_rows_nor_columns_of_them(benchmark, frame):
    spec = benchmark.resolved["scratch"]
    unnamed = spec.size.model_copy(update={"best_training_free": {}})
    resolved = {**benchmark.resolved, "scratch": dataclasses.replace(spec, size=unnamed)}
    plain = dataclasses.replace(benchmark, resolved=resolved, _suites={}, _runs={}, _judgings={})
    table = claims.judge(plain, frame, ["scratch"])
    assert "baseline_samplers" not in table and not table.claim.str.contains("training-free").any()


def test_the_table_of_verdicts_names_the_samplers_of_both(benchmark, frame):
    table = verdict_table.table(benchmark, frame, claims.judge(benchmark, frame, ["scratch"]))
    tested = [index[1] for index in table.text(render.MARKDOWN).index if "training-free" in index[0]]
    assert tested == [
        "Trained from scratch: IDDPM; DDIM against IDDPM, DCW; DDIM, ES, NFE 5 to 10",
        "Trained from scratch: IDDPM, DCW; DDIM, ES, NFE 5 to 10",
    ]


def test_distances_are_means_over_the_seeds_that_all_rows_of_a_plain_sampler_have(benchmark, frame):
    suite = benchmark.suite("scratch")
    frame.loc[(frame.method == "replay") & (frame.sampler == "dcw-ddim") & (frame.seed == 0), "fd"] = math.nan
    found = training_free.distances(suite, frame).set_index(["sampler", "nfe", "method"])
    assert set(found.base) == {"iddpm", "ddim"} and len(found) == 6 * 2 * 4
    assert {*found[found.base == "ddim"].n} == {4} and {*found[found.base == "iddpm"].n} == {5}
    expected = 3.0 * np.mean(np.exp(0.01 * ABOUT[1:]))
    assert found.loc["ddim", 5, "at-mid"]["mean"] == pytest.approx(expected)


def test_best_is_what_beats_all_of_its_budget_under_any_sampler_of_the_base(benchmark, frame):
    found = training_free.distances(benchmark.suite("scratch"), frame)
    best = found[found.best]
    assert {*zip(best.sampler, best.nfe, best.method)} == {
        ("dcw-iddpm", 5, "adm"),
        ("dcw-iddpm", 10, "adm"),
        ("es-ddim", 5, "adm"),
        ("es-ddim", 10, "adm"),
        ("dcw-iddpm", 5, "at-mid"),  # at 10 AT is level with itself under IDDPM, and under DDIM at 5
        ("es-ddim", 10, "at-mid"),
    }


def test_gains_at_each_step_count_by_hand(benchmark, frame):
    found = training_free.gains(benchmark.suite("scratch"), frame)
    key = ["sampler", "baseline_sampler", "baseline", "nfe"]
    found = found.set_index(key)
    assert found.loc["iddpm", "dcw-iddpm", "adm", 5].gain == pytest.approx(1 - 4 / 5)
    assert found.loc["ddim", "es-ddim", "adm", 10].gain == pytest.approx(1 - 3 / 2.7)
    assert found.loc["dcw-iddpm", "dcw-iddpm", "adm", 5].gain == pytest.approx(1 - 3 / 5)
    assert len(found) == 2 * 2 * 3 * 2 and {*found.n} == {5} and set(found.base) == {"iddpm", "ddim"}
