"""The wider grid: which cells it has, that nothing else shows or counts them, its table and the claim on it."""

import math

import numpy as np
import pytest
from altered import altered
from made_up import SOURCES
from test_report import SEEDS, SUITE, entry, make_tree, record, write

from atbench.judgement import claims, points
from atbench.probes.wide import PROBE
from atbench.reading import tidy
from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree
from atbench.report import render, status
from atbench.report.build import build
from atbench.report.outputs import outputs
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record, write_record
from atbench.spec.address import FINAL
from atbench.spec.load import load
from atbench.tasks import release_measures
from atbench.tasks.evaluate import sampler_of

BENCHMARK = load("ci")
WIDE = ["tables/scratch-wide.csv", "tables/scratch-wide.md", "tables/scratch-wide.tex"]
WIDE += ["figures/scratch-wide.pdf", "figures/scratch-wide.png"]


def wide_cells(seeds=None):
    return [cell for run in BENCHMARK.suite(SUITE).runs(seeds) for cell in PROBE.claim_cells(run)]


def sheet_of(root, suites=(SUITE,), seeds=SEEDS):
    return Sheet(BENCHMARK, root, tidy.collect(BENCHMARK, root, list(suites), seeds), list(suites))


def table_of(root):
    [table, _] = PROBE.artefacts(SUITE)
    return table.draw(sheet_of(root))


@pytest.fixture
def root(monkeypatch, tmp_path):
    """The grid and the wider one of three seeds; made-up distances that fall with the step count."""
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    folder = make_tree(BENCHMARK, tmp_path / "results" / "ci")
    for cell in wide_cells(SEEDS):
        write(Tree(folder).path(cell.address), record(cell))
    return folder


@pytest.mark.parametrize("scale", ["ci", "laptop", "paper"])
def test_its_cells_can_be_sampled_and_are_not_those_of_the_grid(scale):
    benchmark = load(scale)
    run = benchmark.suite("finetune").run("at", 0)
    cells = PROBE.claim_cells(run)
    assert [(cell.address.sampler, cell.nfe) for cell in cells] == [
        (s, n) for s in ("iddpm", "ddim") for n in (100, 200, 500, 1000)
    ]
    assert [cell.address.path for cell in cells] == PROBE.files(run)
    addresses = {cell.address for cell in cells}
    assert {cell.address.step for cell in cells} == {FINAL} and not addresses & {cell.address for cell in run.cells}
    for cell in cells:
        sampler_of(cell)
    other = benchmark.suite("class-conditional").run("at", 0)
    assert PROBE.claim_cells(other) == []
    with pytest.raises(UserError, match=r"experiments/wide\.yaml: .* has no cells beyond its grid"):
        PROBE.measure(other)


def test_step_counts_that_the_grid_has_are_its_own():
    benchmark = load("gpu")
    wider = altered(benchmark, "wide", nfe=[max(benchmark.file.nfe), 1000])
    assert {cell.nfe for cell in PROBE.claim_cells(wider.suite("scratch").run("at", 0))} == {1000}


def test_other_step_counts_are_another_configuration():
    run, wider = (b.suite(SUITE).run("at", 0) for b in (BENCHMARK, altered(BENCHMARK, "wide", nfe=[100])))
    assert PROBE.digest(run) != PROBE.digest(wider)


def test_the_report_of_everything_neither_asks_for_them_nor_counts_them(root):
    frame = tidy.collect(BENCHMARK, root, [SUITE], SEEDS)
    assert frame.nfe.max() == 10 and not frame.off_grid.any()
    assert not {*WIDE} & {*outputs(BENCHMARK, [SUITE])}
    assert "off the grid" not in str(status.status(BENCHMARK, root, [SUITE], seeds=SEEDS))


def test_table_and_figure_have_the_grid_and_what_lies_beyond(root):
    table = table_of(root)
    text = table.text(render.MARKDOWN)
    assert list(text.columns) == [f"NFE {nfe}" for nfe in (5, 10, 100, 200, 500, 1000)]
    assert list(dict.fromkeys(text.index.get_level_values("Sampler"))) == ["IDDPM", "DDIM", "Reference"]
    assert entry(table, "DDIM", "ADM-AT", 1000) == f"**{np.mean([9.02, 9.12, 9.22]):.2f} ± 0.10**"
    assert entry(table, "DDIM", "ADM", 5).startswith("14.2") and "wider grid" in table.caption
    assert "Of 144 cells 0 are stale and 0 missing" in table.caption
    assert [str(p.relative_to(root)) for p in build(BENCHMARK, root, [SUITE], SEEDS, only=WIDE)] == WIDE


def set_evaluation(path, digest):
    """Let a record have been made with other settings."""
    record = read_record(path)
    record["config"]["evaluation"] = digest
    write_record(path, record)


def test_missing_and_stale_cells_are_dashes(root):
    for seed in SEEDS:
        (root / SUITE / f"at/seed{seed}/final/ddim-nfe100.json").unlink()
        path = root / SUITE / f"ip/seed{seed}/final/ddim-nfe200.json"
        set_evaluation(path, "0" * 16)
    table = table_of(root)
    assert entry(table, "DDIM", "ADM-AT", 100) == "—" and entry(table, "DDIM", "ADM-IP", 200) == "—†"


def test_the_claim_on_many_more_steps_is_judged_from_them_alone(root):
    sheet = sheet_of(root)
    found = claims.judge(BENCHMARK, points.collect(sheet), [SUITE])
    own = found[(found.suite == SUITE) & (found.claim == "hundreds-of-steps")].set_index("budget")
    assert set(own.nfe) == {"100 200 500 1000"} and list(own.seeds) == [3, 3]
    gains = []
    for seed in SEEDS:
        shifts = {"adm": 0.0, "at": -1.0 * (1 + 0.1 * seed)}
        logs = [{m: math.log(10 + 20 / n + s + 0.2 * seed) for m, s in shifts.items()} for n in (100, 200, 500, 1000)]
        gains.append(np.mean([pair["adm"] - pair["at"] for pair in logs]))
    assert own.gain["batches"] == pytest.approx(1 - math.exp(-np.mean(gains)))
    alone = claims.judge(BENCHMARK, sheet.frame, [SUITE])
    notes = alone[(alone.claim == "hundreds-of-steps") & (alone.suite == SUITE)].note
    assert set(notes) == {"suite scratch has no complete seed (target wide)"}


def test_the_claim_on_fifty_steps_takes_no_other_cell():
    benchmark = load("laptop")
    nfe = benchmark.claims["many-steps"].nfe
    assert (nfe.first, nfe.last) == (50, 50) and max(benchmark.file.nfe) == 50


def test_what_lies_beside_the_declared_seeds_is_not_asked_for(root):
    sheet = sheet_of(root, seeds=[0])
    assert set(sheet.frame[sheet.frame.off_grid].seed) == {1, 2} and sheet.seeds_of(SUITE) == [0]
    assert points.collect(sheet_of(root, ["extractor"], None)).empty  # a suite that only trains


def test_they_are_released_whole_or_not_at_all(root, monkeypatch):
    monkeypatch.chdir(root.parent.parent)
    files = [cell.address.path for cell in wide_cells()]  # the scale's one seed
    assert sorted(release_measures.of_suite(BENCHMARK.suite(SUITE))) == sorted(files)
    assert {*WIDE} <= {*release_measures.pages(BENCHMARK, root, [SUITE])}
    set_evaluation(files[0], "0" * 16)
    with pytest.raises(UserError, match=r"iddpm-nfe100\.json: evaluation configuration changed"):
        release_measures.of_suite(BENCHMARK.suite(SUITE))
    files[0].unlink()
    assert release_measures.of_suite(BENCHMARK.suite(SUITE)) == []
    assert release_measures.of_suite(BENCHMARK.suite("ablations")) == []
    assert [made.suite for made in PROBE.artefacts(SUITE)] == [SUITE] * 2
