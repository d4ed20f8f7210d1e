"""The report on synthetic trees: what is averaged, what is left out, and equal JSON giving equal bytes."""

import dataclasses
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_up import COMMIT, HASHES, SOURCES, rows_record, run_record
from made_up import provenance as provenance_of
from matplotlib.image import imsave

from atbench.judgement import paired, statistics
from atbench.reading import tidy, timing
from atbench.reading.methods import ordered
from atbench.reading.rows import all_reference_rows
from atbench.reading.runs import collect_runs
from atbench.reading.tree import Tree
from atbench.report import captions, headline, render, status, tables
from atbench.report import paired as paired_table
from atbench.report.build import build
from atbench.report.compare import compare, verdicts
from atbench.report.outputs import outputs
from atbench.report.show import show
from atbench.report.style import looks
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record, write_record
from atbench.spec.address import Cell
from atbench.spec.load import load
from atbench.spec.metrics import FEATURES, METRICS
from atbench.spec.run import CellSpec

SUITE, SEEDS = "scratch", [0, 1, 2]
SHIFT = {"adm": 0.0, "adm-3x": -0.4, "ip": -0.6, "at": -1.0}


@pytest.fixture(autouse=True)
def sources(monkeypatch):
    """Fixed source hashes: what the sources are is none of the report's business."""
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)


@pytest.fixture(scope="module")
def benchmark():
    return load("ci")


@pytest.fixture(scope="module")
def complete(tmp_path_factory, benchmark) -> Path:
    return make_tree(benchmark, tmp_path_factory.mktemp("complete"))


@pytest.fixture
def root(tmp_path, complete) -> Path:
    """A complete tree of the suite with three seeds, below a folder of the scale's name; free to damage."""
    return Path(shutil.copytree(complete, tmp_path / "results" / "ci"))


def fd(cell: Cell) -> float:
    """A made-up distance, with an offset per method, seed and their interaction."""
    early = 0 if cell.step == "final" else 3
    return 10 + 20 / cell.nfe + SHIFT[cell.run.method] * (1 + 0.1 * cell.run.seed) + 0.2 * cell.run.seed + early


def make_tree(benchmark, root: Path, seeds=SEEDS) -> Path:
    for run in benchmark.suite(SUITE).runs(seeds):
        folder = Tree(root).folder(run.address)
        write(folder / "config.json", run_record(run))
        for cell in run.cells:
            path = Tree(root).path(cell.address)
            write(path, record(cell))
            image = np.random.default_rng(run.address.seed).random((64, 64))
            imsave(path.with_suffix(".png"), image, cmap="gray")
    values = {"fd": 5.0, "kid": 0.01, "is": 8.0, "precision": 0.9, "recall": 0.9, "nn_ratio": 1.0}
    floor = {key: {"mean": value, "std": value / 50} for key, value in values.items()}
    write(root / "reference" / "digits-digits-cnn-rows.json", rows_record(floor, values, {"fd": 300.0}))
    return root


def record(cell: CellSpec) -> dict:
    spent = cell.run.budget()
    batches = cell.run.snapshots[cell.address.step]
    distance = fd(cell.address)
    first = cell.run.cells[0].address == cell.address
    return {
        "cell": cell.address.axes,
        "metrics": {
            "fd": distance,
            "fd_se": 0.05,
            "kid": distance / 1000,
            "kid_std": 0.001,
            "is": 8 - distance / 10,
        }
        | {"is_std": 0.1, "precision": 0.7, "precision_se": 0.01, "recall": 0.5, "recall_se": 0.01}
        | {"fd_heldout": distance + 1, "nn_ratio": 1 + SHIFT[cell.address.run.method] / 10},
        "counts": {"samples": cell.run.suite.evaluation.samples, "reference": 1438, "nfe": cell.nfe, "batches": batches}
        | {"updates": batches * spent.updates // spent.batches, "gradient_evals": batches},
        "config": cell.digests,
        "inputs": HASHES,
        "provenance": provenance_of(seconds={"sampling": 1.0, "metrics": 0.5, "startup": 3.0 if first else 0.0}),
    }


def write(path: Path, value: dict) -> None:
    write_record(path, value)


def edit(root: Path, address: str, change) -> None:
    """Apply ``change`` to the record at an address below the suite, as a job would write it."""
    path = root / SUITE / address
    value = read_record(path)
    change(value)
    write(path, value)


def make_stale(value: dict) -> None:
    value["config"]["training"] = "f" * 16
    value["metrics"]["fd"] = 0.001  # would win everything if it were counted


def main_table(benchmark, root: Path, metric: str = "fd") -> render.Table:
    return tables.table(benchmark.suite(SUITE), tidy.collect(benchmark, root, [SUITE], SEEDS), root, metric)


def entry(table: render.Table, sampler: str, method: str, nfe: int) -> str:
    return table.text(render.MARKDOWN).loc[(sampler, method), f"NFE {nfe}"]


def test_collect_has_one_row_per_declared_cell(benchmark, root):
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    assert len(frame) == len(tidy.declared_cells(benchmark, [SUITE], SEEDS))
    assert list(frame.columns) == tidy.columns()
    assert set(frame.status) == {"done"} and not frame.off_grid.any() and not frame.older_code.any()
    row = frame[(frame.method == "at") & (frame.seed == 1) & (frame.nfe == 5) & (frame.sampler == "ddim")].iloc[0]
    assert row.fd == pytest.approx(10 + 4 - 1.1 + 0.2) and row.measured_nfe == 5 and row.commit == COMMIT[:10]


def test_main_table_gives_mean_and_std_over_seeds_and_bold_best(benchmark, root):
    table = main_table(benchmark, root)
    numbers = table.numbers.set_index(["sampler", "nfe", "method"]).loc["ddim", 5, "at"]
    values = [14 - 1.0, 14 - 1.1 + 0.2, 14 - 1.2 + 0.4]
    assert numbers["mean"] == pytest.approx(np.mean(values))
    assert numbers["std"] == pytest.approx(np.std(values, ddof=1)) and numbers["n"] == 3
    assert entry(table, "DDIM", "ADM-AT", 5) == f"**{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}**"
    assert "**" not in entry(table, "DDIM", "ADM", 5)
    winners = table.numbers[table.numbers.best == True]  # noqa: E712
    # A sampler and NFE has a winner for each budget: ADM-IP beats ADM, and ADM-AT the ADM of as many updates.
    assert len(winners) == 4 * 2 * 2 and set(winners.method) == {"ip", "at"}
    assert entry(table, "Reference", "floor (training images)", 10) == "5.00 ± 0.10"
    assert entry(table, "Reference", "ceiling (noise)", 5) == "300.00"


def test_a_distance_to_few_images_is_shown_without_bold_and_its_caption_says_so(benchmark, root, monkeypatch):
    wanted = "Fewer than 5,000,000 real images, 5 for each of the 1,000,000 features: FD-digits is shown without"
    assert wanted not in main_table(benchmark, root).caption
    monkeypatch.setitem(FEATURES, "digits-cnn", 1_000_000)
    table = main_table(benchmark, root)
    assert table.numbers.best.sum() == 0 and table.numbers["mean"].notna().any()
    assert wanted in table.caption and "KID leads (table scratch-kid)" in table.caption
    assert main_table(benchmark, root, "kid").numbers.best.any()
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    assert "**" not in paired_table.table(benchmark.suite(SUITE), frame, root).text(render.MARKDOWN).to_string()


def test_best_depends_on_the_metric(benchmark, root):
    best = {m: set(main_table(benchmark, root, m).numbers.query("best == True").method) for m in ("is", "nn_ratio")}
    assert best == {"is": {"ip", "at"}, "nn_ratio": {"adm", "adm-3x"}}  # highest score; ratio closest to 1


def test_the_mark_of_an_unbiased_distance_is_zero_and_no_floor_drawn_from_the_reference_itself(benchmark, root):
    numbers = main_table(benchmark, root, "kid").numbers.set_index("method")
    assert numbers.loc["mark", "mean"] == 0 and "floor" not in numbers.index and numbers.loc["held-out", "mean"] == 0.01
    assert "mark" not in set(main_table(benchmark, root).numbers.method)


def test_missing_and_stale_cells_are_left_out_and_counted(benchmark, root):
    for seed in SEEDS:
        (root / SUITE / f"ip/seed{seed}/final/ddim-nfe5.json").unlink()
    (root / SUITE / "adm/seed2/final/ddim-nfe5.json").unlink()
    edit(root, "at/seed0/final/ddim-nfe5.json", make_stale)
    table = main_table(benchmark, root)
    assert entry(table, "DDIM", "ADM-IP", 5) == "—"
    assert entry(table, "DDIM", "ADM", 5).endswith("(2)")
    mean = np.mean([14 - 1.1 + 0.2, 14 - 1.2 + 0.4])
    assert entry(table, "DDIM", "ADM-AT", 5).startswith(f"**{mean:.2f}")
    assert entry(table, "DDIM", "ADM-AT", 5).endswith("(2)†")
    assert "Of 96 cells 1 are stale and 4 missing." in table.caption
    row = tidy.collect(benchmark, root, [SUITE], SEEDS).query("status == 'stale'").iloc[0]
    assert math.isnan(row.fd) and row.problem == "training configuration changed"


def test_all_stale_is_a_dash_with_dagger(benchmark, root):
    for seed in SEEDS:
        edit(root, f"at/seed{seed}/final/es-nfe10.json", make_stale)
    assert entry(main_table(benchmark, root), "ES", "ADM-AT", 10) == "—†"


def test_one_seed_has_no_std(benchmark, tmp_path):
    root = make_tree(benchmark, tmp_path / "ci", seeds=[0])
    frame = tidy.collect(benchmark, root, [SUITE])
    table = tables.table(benchmark.suite(SUITE), frame, root, "fd")
    assert entry(table, "DDIM", "ADM", 5) == "14.00"


def test_captions_name_conditions(benchmark, root):
    text = main_table(benchmark, root).caption
    for words in (
        "Scale ci",
        "192 samples",
        "1,438 reference",
        "FD-digits",
        "3 seeds (0, 1, 2)",
        COMMIT[:10],
    ):
        assert words in text
    for words in (
        "ADM 20 batches / 20 updates",
        "3x batches 60 batches / 60 updates",
        "AT 20 batches / 60 updates",
    ):
        assert words in text


def test_paired_differences_match_a_hand_computation(benchmark, root):
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    numbers = paired.differences(benchmark.suite(SUITE), frame).set_index(["sampler", "nfe", "method", "baseline"])
    row = numbers.loc["ddim", 10, "at", "adm"]  # differences -1.0, -1.1, -1.2
    half = 4.302652729911275 * 0.1 / math.sqrt(3)  # t quantile of two degrees of freedom
    assert (row["mean"], row["std"], row["n"]) == (pytest.approx(-1.1), pytest.approx(0.1), 3)
    assert (row["low"], row["high"]) == (pytest.approx(-1.1 - half), pytest.approx(-1.1 + half))
    assert row["budget"] == "equal batches"
    assert numbers.loc["ddim", 10, "at", "adm-3x"]["budget"] == "equal updates"
    assert numbers.loc["ddim", 10, "at", "ip"]["mean"] == pytest.approx(-0.44)
    assert numbers.loc["ddim", 10, "ip", "adm"]["mean"] == pytest.approx(-0.66)


def test_pairs_need_both_seeds(benchmark, root):
    (root / SUITE / "adm/seed0/final/ddim-nfe10.json").unlink()
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    row = paired.differences(benchmark.suite(SUITE), frame).query("method == 'at' and baseline == 'adm'")
    row = row[(row.sampler == "ddim") & (row.nfe == 10)].iloc[0]
    assert row["n"] == 2 and row["mean"] == pytest.approx(-1.15)
    mean, _, n, low, _ = statistics.interval(pd.Series([2.0]))
    assert (mean, n) == (2.0, 1) and math.isnan(low)


def test_latex_escapes_what_latex_reads(benchmark, root):
    edit(root, "at/seed0/final/ddim-nfe5.json", make_stale)
    text = render.latex(main_table(benchmark, root), "scratch")
    for words in (r"\toprule", r"\textbf{", r"$\pm$", r"$^\dagger$", r"\label{tab:scratch}", "FD-digits"):
        assert words in text
    assert text.count(r"\midrule") == 5 and "\\midrule\nDDIM & ADM &" in text and "Sampler & Method & NFE 5" in text
    assert text.startswith("% Needs \\usepackage{booktabs,graphicx}")
    assert "±" not in text and "†" not in text and "—" not in text
    assert render.latex_text("50 % of a_b & c") == r"50 \% of a\_b \& c"


def test_build_writes_every_output_and_again_the_same_bytes(benchmark, root):
    (root / SUITE / "ip/seed0/final/iddpm-nfe10.json").unlink()  # an empty panel among the samples
    suites = [SUITE, "finetune"]  # finetune has no result at all
    written = build(benchmark, root, suites, SEEDS)
    assert [str(path.relative_to(root)) for path in written] == outputs(benchmark, suites)
    before = {path: path.read_bytes() for path in written}
    assert all(before.values())
    moved = root.parent.parent / "elsewhere"
    shutil.copytree(root, moved, ignore=shutil.ignore_patterns("tables", "figures"))
    again = build(benchmark, moved, suites, SEEDS, only=outputs(benchmark, [SUITE]))
    assert len(again) == len(outputs(benchmark, [SUITE]))
    for path in again:  # nothing depends on where the tree lies; the tidy file spans both suites
        assert path.read_bytes() == before[root / path.relative_to(moved)], path.name


def test_build_of_one_artefact(benchmark, root):
    written = build(benchmark, root, [SUITE], SEEDS, only=["tables/scratch-kid.md"])
    assert [path.name for path in written] == ["scratch-kid.csv", "scratch-kid.md", "scratch-kid.tex"]
    with pytest.raises(UserError, match="no table or figure"):
        build(benchmark, root, [SUITE], SEEDS, only=["tables/nothing.md"])


def test_unreadable_and_misplaced_cells_are_gaps(benchmark, root):
    (root / SUITE / "at/seed0/final/ddim-nfe5.json").write_text('{"cell": ')
    shutil.copy(root / SUITE / "at/seed1/final/es-nfe5.json", root / SUITE / "at/seed0/final/es-nfe5.json")
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    broken = frame[frame.status == "refused"]
    assert len(broken) == 2 and broken.fd.isna().all()
    assert not any(str(root) in problem for problem in broken.problem)
    assert "2 refused" in captions.gaps(frame)


def test_status_counts_failed_stale_and_off_grid(benchmark, root):
    run = root / SUITE / "at/seed1"
    shutil.rmtree(run)
    write(run / "failure.json", {"error": "nan"})
    (root / SUITE / "adm/seed0/final/ddim-nfe5.json").unlink()
    edit(root, "ip/seed0/final/ddim-nfe5.json", make_stale)
    edit(root, "ip/seed0/final/es-nfe5.json", lambda r: r["provenance"]["sources"].update(evaluation="0" * 16))
    shutil.copytree(root / SUITE / "adm/seed2", root / SUITE / "adm/seed7")
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    frame["state"] = status.cell_states(frame, collect_runs(benchmark, root, [SUITE], SEEDS))
    counts = status.counts(frame)
    per_run = len(benchmark.suite(SUITE).runs()[0].cells)
    assert counts.loc[(SUITE, "at"), "failed"] == per_run
    assert counts.loc[(SUITE, "adm"), "missing"] == 1
    assert counts.loc[(SUITE, "ip"), "stale"] == 1 and counts.loc[(SUITE, "ip"), "older code"] == 1
    text = str(status.status(benchmark, root, [SUITE], seeds=SEEDS))
    assert f"{per_run} cell(s) off the grid" in text and "adm/seed7" in text


def test_status_paths_are_bare_and_stale_lists_only_stale(benchmark, root):
    assert str(status.status(benchmark, root, [SUITE], stale=True, seeds=SEEDS)) == "Nothing is stale."
    (root / SUITE / "adm/seed0/final/ddim-nfe5.json").unlink()
    edit(root, "ip/seed0/final/ddim-nfe5.json", make_stale)
    edit(root, "ip/seed0/config.json", lambda value: value.update(digest="0" * 16))
    listed = str(status.status(benchmark, root, [SUITE], stale=True, paths=True, seeds=SEEDS)).split()
    assert listed == [f"{root}/{SUITE}/ip/seed0/{name}" for name in ("config.json", "final/ddim-nfe5.json")]
    everything = str(status.status(benchmark, root, [SUITE], paths=True, seeds=SEEDS)).split()
    extractor = str(root / "extractor/digits-cnn/seed0/config.json")  # never trained in this tree
    assert set(everything) == {*listed, extractor, f"{root}/{SUITE}/adm/seed0/final/ddim-nfe5.json"}


def test_what_was_released_is_not_called_older_code(benchmark, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    released = Path("results/released/ci")
    shutil.copytree(root, released)
    monkeypatch.setattr(provenance, "source_hash", lambda name: "f" * 16)  # every source moved on
    local, there = (str(status.status(benchmark, path, [SUITE], stale=True, seeds=SEEDS)) for path in (root, released))
    assert "older code" in local and there == "Nothing is stale."


def test_timing_counts_each_job_once(benchmark, root):
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    rows = all_reference_rows(benchmark, root)
    spent = timing.total(frame, collect_runs(benchmark, root, [SUITE], SEEDS), rows)
    jobs = 4 * len(SEEDS)
    assert (spent["training"], spent["start-up"]) == (10.0 * jobs, (2.0 + 3.0) * jobs + 1.0)
    assert spent["sampling"] == len(frame) and spent["total"] == pytest.approx(15 * jobs + 1.5 * len(frame) + 5.0)
    assert spent["start-up share"] == pytest.approx(100 * spent["start-up"] / spent["total"])
    assert "Start-up share" in str(status.status(benchmark, root, [SUITE], time=True, seeds=SEEDS))


def test_compare_judges_within_the_noise_of_released_seeds(benchmark, root, tmp_path):
    released = tmp_path / "released" / "ci"
    shutil.copytree(root, released)
    assert compare(benchmark, root, released, [SUITE], SEEDS)[1] == 0
    values = [14.0, 14.2, 14.4]  # fd of adm, ddim, NFE 5: seed std 0.2
    noise = math.hypot(np.std(values, ddof=1), 0.05)
    for seed, factor in ((0, 2.9), (1, 3.1)):
        moved = values[seed] + factor * noise
        edit(root, f"adm/seed{seed}/final/ddim-nfe5.json", lambda r, v=moved: r["metrics"].update(fd=v))
    (root / SUITE / "adm/seed2/final/ddim-nfe5.json").unlink()
    (released / SUITE / "adm/seed2/final/es-nfe5.json").unlink()
    frame = verdicts(benchmark, root, released, [SUITE], SEEDS)
    at = frame[(frame.method == "adm") & (frame.nfe == 5) & (frame.step == "final")]
    assert list(at[at.sampler == "ddim"].verdict) == ["within noise", "DIFFERS", "missing here"]
    assert list(at[at.sampler == "es"].verdict) == ["same", "same", "missing there"]
    listed, code = compare(benchmark, root, released, [SUITE], SEEDS)
    text = str(listed)
    assert code == 1 and "1 DIFFERS" in text and "1 missing here" in text
    first, second, pooled, third, *rest = text.splitlines()
    assert (
        "1 DIFFERS" in first and second.startswith("Largest difference: 3.1 times the noise") and "exit code 1" in third
    )
    assert pooled.startswith("All cells together: different.")
    assert len(rest) == len(frame) + 2  # an empty line, the heads, a line for each cell


def test_compare_sees_a_recipe_that_is_a_little_off_in_every_cell_though_no_cell_does(benchmark, root, tmp_path):
    released = tmp_path / "released" / "ci"
    shutil.copytree(root, released)
    assert "All cells together: bit-equal." in str(compare(benchmark, root, released, [SUITE], SEEDS)[0])
    cells = [path.relative_to(root / SUITE) for path in sorted((root / SUITE).glob("*/*/*/*-nfe*.json"))]

    def scale(factor):
        for place, cell in enumerate(cells):
            by = factor(place)
            edit(root, str(cell), lambda r, by=by: r["metrics"].update(fd=r["metrics"]["fd"] * by))

    scale(lambda place: 1 + 1e-4 * math.sin(place))
    listed, code = compare(benchmark, root, released, [SUITE], SEEDS)
    assert "All cells together: same recipe, other machine." in str(listed) and code == 0
    scale(lambda _: 1.015)
    listed, code = compare(benchmark, root, released, [SUITE], SEEDS)
    assert "All cells together: different. Mean difference 1.5 %" in str(listed) and code == 1
    assert "DIFFERS" not in str(listed)


def test_compare_ignores_what_only_the_release_lacks(benchmark, root, tmp_path):
    released = tmp_path / "released" / "ci"
    shutil.copytree(root, released)
    (released / SUITE / "adm/seed2/final/es-nfe5.json").unlink()
    assert compare(benchmark, root, released, [SUITE], SEEDS)[1] == 0


def test_compare_refuses_stale_local_results(benchmark, root, tmp_path):
    released = tmp_path / "released" / "ci"
    shutil.copytree(root, released)
    edit(root, "adm/seed0/final/ddim-nfe5.json", make_stale)
    listed, code = compare(benchmark, root, released, [SUITE], SEEDS)
    assert code == 1 and "1 stale here" in str(listed)


def test_show_says_everything_about_a_cell(benchmark, root):
    path = root / SUITE / "at/seed0/final/ddim-nfe5.json"
    text = str(show(path))
    for words in (
        "fd (FD-digits)",
        "13 ± 0.05 (standard error)",
        "inner_steps: 3",
        COMMIT,
        "configuration current",
        "ADM, same seed and latents: FD-digits 14; this one -7.1 %",
        "floor, as many real images: FD-digits",
        "gain over ADM at this point, paired by seed: +7.7 % of its distance, [+6.3, +9.2] over 3 seeds",
        "inconclusive (3 seeds), equal batches: ",
        "a verdict takes 5 seeds or more",
    ):
        assert words in text
    edit(root, "at/seed0/final/ddim-nfe5.json", make_stale)
    assert "training: configuration STALE" in str(show(path))
    with pytest.raises(UserError, match="not the address of a cell"):
        show(root / "nothing.json")


SCALES = ("ci", "laptop", "paper")


def named(suite, *names):
    """The suite as if it compared the methods ``names``, whatever it knows of them."""
    plain = suite.catalogue["adm"].model_copy(update={"style": None})
    unknown = {name: plain for name in names if name not in suite.catalogue}
    return dataclasses.replace(suite, methods=names, catalogue=suite.catalogue | unknown)


def pairs(styles):
    return {(style.colour, style.marker) for style in styles.values()}


def test_methods_keep_the_order_of_their_file(benchmark):
    assert ordered(named(benchmark.suite(SUITE), "at", "zeta", "adm-3x", "adm")) == ["adm", "adm-3x", "at", "zeta"]


@pytest.mark.parametrize("scale", SCALES)
def test_no_two_methods_of_a_suite_look_the_same(scale):
    benchmark = load(scale)
    for name in benchmark.suites:
        suite = benchmark.suite(name)
        declared = {method: suite.method(method).style for method in suite.methods}
        assert None not in declared.values() and len(pairs(declared)) == len(suite.methods)
        for shown in (suite, *(suite.view(view) for view in suite.views)):
            drawn = looks(shown)
            assert len(pairs(drawn)) == len(shown.methods)
            assert {method: (look.colour, look.marker, look.line) for method, look in drawn.items()} == {
                method: (declared[method].colour, declared[method].marker, declared[method].line) for method in drawn
            }


@pytest.mark.parametrize("name", headline.SUITES)
def test_the_methods_that_the_readme_leads_with_differ_in_colour(name):
    suite = load(headline.SCALE).suite(name)
    assert len({suite.method(method).style.colour for method in suite.methods}) == len(suite.methods)


def test_methods_without_a_style_of_their_own_get_different_ones(benchmark):
    many = named(benchmark.suite(SUITE), "adm", "at", *(f"zeta-{place}" for place in range(30)))
    assert looks(many) == looks(many) and len(pairs(looks(many))) == 32
    heir = many.catalogue["at"].model_copy(update={"extends": "at"})  # inherits the style with all else
    suite = dataclasses.replace(many, methods=("at", "heir"), catalogue=many.catalogue | {"heir": heir})
    assert len(pairs(looks(suite))) == 2 and looks(suite)["at"].colour == "#d55e00"


def test_a_style_is_no_part_of_a_result(benchmark):
    run = benchmark.suite(SUITE).run("at", 0)
    assert "style" in run.method.written() and not {"style", "#d55e00"} & {*map(str, leaves(run.slice))}


def leaves(value):
    """All keys and values within nested mappings and lists."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in (key, *leaves(item))]
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list | tuple) else [value]


def test_every_metric_says_what_it_can_be(benchmark):
    assert all(METRICS[name].name == name and metric.low < metric.high for name, metric in METRICS.items())
    assert all(metric.loss(1.0) < metric.loss(0.5) for metric in METRICS.values() if metric.better == "higher")
    assert METRICS["nn_ratio"].loss(1.0) == 0
    assert METRICS["nn_ratio"].loss(0.9) == pytest.approx(METRICS["nn_ratio"].loss(1.1))
    for spread in (metric for metric in METRICS.values() if metric.is_spread):
        assert spread.name.rsplit("_", 1)[0] in METRICS and not spread.has_table


def test_report_imports_no_torch_and_outputs_nothing_heavy():
    code = (
        "import sys, pkgutil, importlib, atbench.report.outputs\n"
        "assert not {'pandas', 'matplotlib', 'torch'} & set(sys.modules), 'outputs'\n"
        "import atbench.report as r\n"
        "[importlib.import_module(f'atbench.report.{m.name}') for m in pkgutil.iter_modules(r.__path__)]\n"
        "assert 'torch' not in sys.modules, 'report'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
