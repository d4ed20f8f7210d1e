"""Figures and table of the mismatch from a made-up tree: what is averaged, what is left out."""

import json

import pytest

from atbench import plan, slices
from atbench.config import load
from atbench.errors import UserError
from atbench.report import mismatch
from atbench.report.outputs import MEASURES
from atbench.report.render import MARKDOWN, markdown

BENCHMARK, SUITE, SEEDS = load("ci"), "scratch", [0, 1]


def record(run, value):
    path = {"distance": value, "floor": 0.01, "eps_sampled": 2 * value, "eps_true": value}
    return {
        "exposure": {"ddim": [path | {"t": 100}, path | {"t": 0, "distance": 99.0}]},
        "recovery": [{"t": 100, "error": value, "recovered": 0.5}, {"t": 0, "error": 99.0, "recovered": 0.0}],
        "robust_loss": [
            {"t": t, "radius": r, "clean": 1.0, "random": 1.1, "published": 0.9, "worst": value}
            for t in (50, 250)
            for r in (0.01, 0.1)
        ],
        "config": {
            "training": slices.training_digest(BENCHMARK, run),
            "mismatch": slices.mismatch_digest(BENCHMARK, run),
        },
    }


@pytest.fixture
def root(tmp_path):
    for run in plan.runs(BENCHMARK, SUITE, SEEDS):
        value = {"adm": 1.0, "at": 0.5}.get(run.method, 2.0) + 0.2 * run.seed
        write(tmp_path, run, record(run, value))
    return tmp_path


def write(root, run, content):
    path = root / run.suite / run.method / f"seed{run.seed}" / "final/mismatch.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_table_shows_mean_and_spread_before_the_last_step(root):
    frame = mismatch.collect(BENCHMARK, root, SUITE, SEEDS)
    text = mismatch.table(BENCHMARK, frame, SUITE).text(MARKDOWN)
    at = text.xs("ADM-AT", level="Method").iloc[0]
    assert at["distance, ddim"] == "0.600 ± 0.141" and at["step error"] == "0.600 ± 0.141"
    assert at["eps ratio, ddim"] == "2.000 ± 0.000" and at["published loss"] == "0.900 ± 0.000"
    assert at["worst loss"] == "0.600 ± 0.141"


@pytest.mark.parametrize("measure", MEASURES)
def test_figures_have_a_line_per_method(root, measure):
    drawn = mismatch.figure(BENCHMARK, mismatch.collect(BENCHMARK, root, SUITE, SEEDS), SUITE, measure)
    lines = [line for line in drawn.axes[0].get_lines() if not line.get_label().startswith("_")]
    labels = {line.get_label(): line for line in lines}
    assert {"ADM", "ADM-IP", "ADM-AT", "ADM, 3x batches"} <= labels.keys()
    if measure == "exposure":
        assert list(labels["ADM"].get_ydata()) == pytest.approx([99.0, 1.1])


def test_stale_measures_are_left_out_and_missing_ones_are_dashes(root):
    for run in plan.runs(BENCHMARK, SUITE, SEEDS):
        if run.method == "at":
            write(root, run, record(run, 1.0) | {"config": {"training": "old", "mismatch": "old"}})
    frame = mismatch.collect(BENCHMARK, root, SUITE, SEEDS)
    assert set(frame.method) == {"adm", "adm-3x", "ip"}
    assert set(mismatch.table(BENCHMARK, frame, SUITE).text(MARKDOWN).xs("ADM-AT", level="Method").iloc[0]) == {"—"}


def test_no_results_at_all_draw_empty(tmp_path):
    frame = mismatch.collect(BENCHMARK, tmp_path, SUITE, SEEDS)
    assert "ADM-AT" in markdown(mismatch.table(BENCHMARK, frame, SUITE))
    assert mismatch.figure(BENCHMARK, frame, SUITE, "recovery").axes


def test_a_damaged_file_is_named(root):
    run = plan.runs(BENCHMARK, SUITE, SEEDS)[0]
    path = root / run.suite / run.method / f"seed{run.seed}" / "final/mismatch.json"
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match=r"mismatch\.json.*cut off"):
        mismatch.collect(BENCHMARK, root, SUITE, SEEDS)
