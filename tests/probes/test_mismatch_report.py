"""Figures and table of the mismatch from a made-up tree: what is averaged, what is left out."""

import math
import re

import pandas as pd
import pytest
from made_up import HASHES, provenance

from atbench.judgement import claims, points
from atbench.probes.mismatch import FIGURES, PROBE, page, rows
from atbench.reading import tidy
from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree
from atbench.report import reviews, verdict_table
from atbench.report.outputs import artefacts
from atbench.report.render import MARKDOWN, markdown
from atbench.runtime.records import write_record
from atbench.spec.load import load

BENCHMARK, SEEDS = load("ci"), [0, 1]
SUITE = BENCHMARK.suite("scratch")


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
        "run": run.address.axes,
        "settings": {},
        "config": {"training": run.digest, "mismatch": PROBE.digest(run)},
        "inputs": {"weights": HASHES["weights"]},
        "provenance": provenance(),
    }


@pytest.fixture
def root(tmp_path):
    for run in SUITE.runs(SEEDS):
        value = {"adm": 1.0, "at": 0.5}.get(run.address.method, 2.0) + 0.2 * run.address.seed
        write(tmp_path, run, record(run, value))
    return tmp_path


def write(root, run, content):
    path = Tree(root).folder(run.address) / "final/mismatch.json"
    write_record(path, content)


def test_table_shows_mean_and_spread_before_the_last_step(root):
    frame = rows.collect(SUITE, root, SEEDS)
    text = page.table(SUITE, frame).text(MARKDOWN)
    at = text.xs("ADM-AT", level="Method").iloc[0]
    assert at["distance, ddim"] == "0.600 ± 0.141" and at["step error"] == "0.600 ± 0.141"
    assert at["eps ratio, ddim"] == "2.000 ± 0.000" and at["published loss"] == "0.900 ± 0.000"
    assert at["worst loss"] == "0.600 ± 0.141"


@pytest.mark.parametrize("measure", FIGURES)
def test_figures_have_a_line_per_method(root, measure):
    drawn = page.figure(SUITE, rows.collect(SUITE, root, SEEDS), measure)
    labels = {text.get_text() for text in drawn.legends[0].get_texts()}
    assert {"ADM-IP", "ADM-AT", "ADM, 3x batches"} <= labels
    if measure == "exposure":
        lines = {line.get_label(): line for line in drawn.axes[0].get_lines()}
        assert list(lines["ADM"].get_ydata()) == pytest.approx([99.0, 1.1])


def test_losses_that_coincide_are_shown_once_and_then_as_differences(root):
    frame = rows.collect(SUITE, root, SEEDS)
    radii = sorted(frame[frame.part == "robust_loss"].radius.unique())
    drawn = page.figure(SUITE, frame, "robust-loss")
    above, below = drawn.axes[: len(page.KINDS)], drawn.axes[len(page.KINDS) :]
    assert [axes.get_title() for axes in above] == list(page.KINDS.values())
    for axes in above:
        lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
        assert [line.get_label() for line in lines] == [f"ADM, radius {radius:g}" for radius in radii]
    assert "difference from ADM (%)" in below[0].get_ylabel()
    for axes in below:
        assert [bar.get_label() for bar in axes.containers] == ["ADM, 3x batches", "ADM-IP", "ADM-AT"]


def test_differences_are_those_of_seeds_with_their_interval():
    values = {"adm": (1.0, 2.0, 4.0), "at": (1.1, 2.1, 4.8)}
    frame = pd.DataFrame(
        [{"method": m, "seed": seed, "t": 0, "y": y} for m, ys in values.items() for seed, y in enumerate(ys)]
    )
    found = page.differences(SUITE, frame, "at", "t", "y", relative=False).loc[0]
    half = 4.302652729911275 * pd.Series([0.1, 0.1, 0.8]).std() / math.sqrt(3)
    assert list(found) == pytest.approx([1 / 3, 1 / 3 - half, 1 / 3 + half])
    share = page.differences(SUITE, frame, "at", "t", "y", relative=True).loc[0, "mean"]
    assert share == pytest.approx(100 * ((1.1 * 1.05 * 1.2) ** (1 / 3) - 1))
    alone = page.differences(SUITE, frame[frame.seed == 0], "at", "t", "y", relative=False).loc[0]
    assert list(alone) == pytest.approx([0.1] * 3)  # one seed: no interval


def test_stale_measures_are_left_out_and_missing_ones_are_dashes(root):
    for run in SUITE.runs(SEEDS):
        if run.address.method == "at":
            write(root, run, record(run, 1.0) | {"config": dict.fromkeys(("training", "mismatch"), "0" * 16)})
    frame = rows.collect(SUITE, root, SEEDS)
    assert set(frame.method) == {"adm", "adm-3x", "ip"}
    assert set(page.table(SUITE, frame).text(MARKDOWN).xs("ADM-AT", level="Method").iloc[0]) == {"—"}


def test_no_results_at_all_draw_empty(tmp_path):
    frame = rows.collect(SUITE, tmp_path, SEEDS)
    assert "ADM-AT" in markdown(page.table(SUITE, frame))
    assert page.figure(SUITE, frame, "recovery").axes


def test_a_damaged_file_is_named_and_left_out(root, capfd):
    run = SUITE.runs(SEEDS)[0]
    path = Tree(root).folder(run.address) / "final/mismatch.json"
    path.write_text(path.read_text()[:100])
    frame = rows.collect(SUITE, root, SEEDS)
    assert set(frame[frame.method == run.address.method].seed) == {*SEEDS} - {run.address.seed}
    assert re.search(r"mismatch\.json.*cut off", capfd.readouterr().err)


# The claim on the mismatch.


def test_exposure_is_the_geometric_mean_over_all_steps_but_the_first():
    distances = {900: 50.0, 500: 0.1, 100: 0.4, 0: 0.8}
    found = [
        {"method": "at", "seed": 0, "part": "exposure", "sampler": "ddim", "t": t, "distance": d, "floor": 0.01}
        for t, d in distances.items()
    ]
    found.append({"method": "at", "seed": 0, "part": "recovery", "t": 700, "error": 1.0})
    [row] = rows.exposure(pd.DataFrame(found)).to_dict("records")
    expected = (0.1 * 0.4 * 0.8) ** (1 / 3)
    key = {"method": "at", "seed": 0, "sampler": "ddim"}
    assert row == key | {"exposure": pytest.approx(expected), "exposure_floor": pytest.approx(0.01)}


def path_of(values):
    """A trajectory with these distances after its first step."""
    steps = [{"t": t, "distance": d, "floor": 0.01, "eps_sampled": 1.0, "eps_true": 1.0} for t, d in values.items()]
    return [steps[0] | {"t": 900, "distance": 7.0}, *steps]


@pytest.fixture
def sheet(tmp_path):
    """Five seeds at scale workstation: AT is below ADM by a tenth or more, and adm-3x below AT."""
    benchmark = load("workstation")
    for run in benchmark.suite("scratch").runs():
        seed = run.address.seed
        factor = {"at": 0.9 - 0.02 * seed, "adm-3x": 0.81 - 0.04 * seed}.get(run.address.method, 1)
        content = record(run, 1.0)
        content["exposure"] = {s: path_of({500: 0.02 * factor, 0: 3 * factor}) for s in ("iddpm", "ddim")}
        write(tmp_path, run, content)
    return Sheet(benchmark, tmp_path, tidy.collect(benchmark, tmp_path, ["scratch"]), ["scratch"])


def test_the_claim_on_the_mismatch_is_judged_from_its_measures_alone(sheet):
    assert set(sheet.frame.status) == {"missing"}  # no cell is needed
    found = claims.judge(sheet.benchmark, points.collect(sheet), sheet.suites)
    own = found[(found.claim == "mismatch") & (found.suite == "scratch")].set_index("budget")
    assert list(own.verdict) == ["supported", "not supported"] and list(own.seeds) == [5, 5]
    logs = [math.log(0.9 - 0.02 * seed) for seed in range(5)]
    assert own.gain["batches"] == pytest.approx(1 - math.exp(sum(logs) / 5))
    assert own.gain["updates"] < 0 and set(own.metric) == {"exposure"} and set(own.nfe) == {"10"}
    table = verdict_table.table(sheet.benchmark, sheet.frame, found).text(MARKDOWN)
    row = table.loc["Adversarial training reduces the mismatch between training and sampling"]
    assert row.index[0] == "Trained from scratch: 2 samplers, NFE 10; exposure bias"
    assert row.iloc[1]["Equal batches"] == "no results: suite finetune is not part of this report"
    page = reviews.page(sheet, found, artefacts(sheet.benchmark, sheet.suites))
    [answer] = [line for line in page.splitlines() if "mismatch" in line]
    assert "mismatch at equal batches: 1 supported" in answer and "[scratch-mismatch](scratch-mismatch.md)" in answer
    assert "(`snakemake --cores all mismatch --config scale=workstation`)" in answer


def test_a_seed_without_measures_is_left_out_and_none_names_the_target(sheet):
    (sheet.root / "scratch/at/seed3/final/mismatch.json").unlink()
    found = claims.judge(sheet.benchmark, points.collect(sheet), sheet.suites)
    assert list(found[(found.claim == "mismatch") & (found.suite == "scratch")].seeds) == [4, 4]
    nothing = claims.judge(sheet.benchmark, sheet.frame, sheet.suites)
    assert "suite scratch has no complete seed (target mismatch)" in set(nothing[nothing.claim == "mismatch"].note)


def test_a_distance_that_is_not_positive_is_named_and_left_out(root, capfd):
    run = SUITE.runs(SEEDS)[0]
    write(root, run, record(run, 0.0))
    frame = rows.collect(SUITE, root, SEEDS)
    assert 0 not in set(frame[frame.method == "adm"].seed)
    assert "adm/seed0/final/mismatch.json: exposure.ddim.0.distance: 0.0: must be" in capfd.readouterr().err
