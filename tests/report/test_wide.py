"""The wider grid: which cells it has, that nothing else shows or counts them, its table and the claim on it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from test_report import SEEDS, SUITE, entry, make_tree, record, write

from atbench import measures, plan
from atbench.config import load
from atbench.judgement import claims
from atbench.reading import tidy
from atbench.report import points, render, status, tables, wide
from atbench.report.build import build
from atbench.report.outputs import outputs, target_artefacts
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL, Run
from atbench.tasks import release
from atbench.tasks.evaluate import sampler_of

BENCHMARK = load("ci")
WIDE = ["tables/scratch-wide.csv", "tables/scratch-wide.md", "tables/scratch-wide.tex"]
WIDE += ["figures/scratch-wide.pdf", "figures/scratch-wide.png"]


@pytest.fixture
def root(monkeypatch, tmp_path):
    """The grid and the wider one of three seeds; made-up distances that fall with the step count."""
    monkeypatch.setattr(provenance, "source_hash", lambda part: f"{part}-sources")
    folder = make_tree(BENCHMARK, tmp_path / "results" / "ci")
    for cell in tidy.wide_cells(BENCHMARK, [SUITE], SEEDS):
        write(tidy.cell_file(folder, cell), record(BENCHMARK, cell))
    return folder


@pytest.mark.parametrize("scale", ["ci", "laptop", "paper"])
def test_its_cells_can_be_sampled_and_are_not_those_of_the_grid(scale):
    benchmark = load(scale)
    run = Run(scale, "finetune", "at", 0)
    cells = measures.wide_cells(benchmark, run)
    assert [(cell.sampler, cell.nfe) for cell in cells] == [
        (s, n) for s in ("iddpm", "ddim") for n in (100, 200, 500, 1000)
    ]
    assert {cell.step for cell in cells} == {FINAL} and not {*cells} & {*plan.cells(benchmark, run)}
    for cell in cells:
        sampler_of(benchmark, cell)
    assert measures.wide_cells(benchmark, Run(scale, "class-conditional", "at", 0)) == []


def test_step_counts_that_the_grid_has_are_its_own():
    benchmark = load("gpu")
    wider = replace(benchmark, wide=benchmark.wide | {"nfe": [max(benchmark.sizes["nfe"]), 1000]})
    assert {cell.nfe for cell in measures.wide_cells(wider, Run("gpu", "scratch", "at", 0))} == {1000}


def test_the_report_of_everything_neither_asks_for_them_nor_counts_them(root):
    frame = tidy.collect(BENCHMARK, root, [SUITE], SEEDS)
    assert frame.nfe.max() == 10 and not frame.off_grid.any()
    assert not {*WIDE} & {*outputs(BENCHMARK, [SUITE])}
    assert "off the grid" not in status.status(BENCHMARK, root, [SUITE], seeds=SEEDS)


def test_table_and_figure_have_the_grid_and_what_lies_beyond(root):
    frame = tidy.collect(BENCHMARK, root, [SUITE], SEEDS)
    wider, cells = wide.widened(BENCHMARK, frame, root, SUITE)
    table = tables.table(wider, cells, root, SUITE, "fd")
    text = table.text(render.MARKDOWN)
    assert list(text.columns) == [f"NFE {nfe}" for nfe in (5, 10, 100, 200, 500, 1000)]
    assert list(dict.fromkeys(text.index.get_level_values("Sampler"))) == ["IDDPM", "DDIM", "Reference"]
    assert entry(table, "DDIM", "ADM-AT", 1000) == f"**{np.mean([9.02, 9.12, 9.22]):.2f} ± 0.10**"
    assert entry(table, "DDIM", "ADM", 5).startswith("14.2") and "wider grid" in table.caption
    assert "Of 144 cells 0 are stale and 0 missing" in table.caption
    assert [str(p.relative_to(root)) for p in build(BENCHMARK, root, [SUITE], SEEDS, only=WIDE)] == WIDE


def test_missing_and_stale_cells_are_dashes(root):
    for seed in SEEDS:
        (root / SUITE / f"at/seed{seed}/final/ddim-nfe100.json").unlink()
        path = root / SUITE / f"ip/seed{seed}/final/ddim-nfe200.json"
        path.write_text(path.read_text().replace('"evaluation": "', '"evaluation": "of another configuration '))
    frame = tidy.collect(BENCHMARK, root, [SUITE], SEEDS)
    wider, cells = wide.widened(BENCHMARK, frame, root, SUITE)
    table = tables.table(wider, cells, root, SUITE, "fd")
    assert entry(table, "DDIM", "ADM-AT", 100) == "—" and entry(table, "DDIM", "ADM-IP", 200) == "—†"


def test_the_claim_on_many_more_steps_is_judged_from_them_alone(root):
    frame = tidy.collect(BENCHMARK, root, [SUITE], SEEDS)
    found = claims.judge(BENCHMARK, points.collect(BENCHMARK, root, frame, [SUITE]), [SUITE])
    own = found[(found.suite == SUITE) & (found.claim == "hundreds-of-steps")].set_index("budget")
    assert set(own.nfe) == {"100 200 500 1000"} and list(own.seeds) == [3, 3]
    gains = []
    for seed in SEEDS:
        shifts = {"adm": 0.0, "at": -1.0 * (1 + 0.1 * seed)}
        logs = [{m: math.log(10 + 20 / n + s + 0.2 * seed) for m, s in shifts.items()} for n in (100, 200, 500, 1000)]
        gains.append(np.mean([pair["adm"] - pair["at"] for pair in logs]))
    assert own.gain["batches"] == pytest.approx(1 - math.exp(-np.mean(gains)))
    alone = claims.judge(BENCHMARK, frame, [SUITE])
    notes = alone[(alone.claim == "hundreds-of-steps") & (alone.suite == SUITE)].note
    assert set(notes) == {"suite scratch has no complete seed (target wide)"}


def test_the_claim_on_fifty_steps_takes_no_other_cell():
    benchmark = load("laptop")
    [claim] = [c for name, c in benchmark.claims["claims"].items() if name == "many-steps"]
    assert claim["nfe"] == {"from": 50, "to": 50} and max(benchmark.sizes["nfe"]) == 50


def test_what_lies_beside_the_declared_seeds_is_not_asked_for(root):
    frame = tidy.collect(BENCHMARK, root, [SUITE], [0])
    assert set(frame[frame.off_grid].seed) == {1, 2} and tidy.seeds_of(frame, SUITE) == [0]
    nothing = tidy.collect(BENCHMARK, root, ["extractor"])  # a suite that only trains
    assert points.collect(BENCHMARK, root, nothing, ["extractor"]).empty


def test_they_are_released_whole_or_not_at_all(root, monkeypatch):
    monkeypatch.chdir(root.parent.parent)
    cells = tidy.wide_cells(BENCHMARK, [SUITE])  # the scale's one seed
    names = release.target_files(BENCHMARK, "wide", SUITE)
    assert {*WIDE} <= {*names} and "scratch/at/seed0/final/ddim-nfe1000.json" in names
    assert len(names) == 2 * len(cells) + len(WIDE)
    cells[0].path.write_text(cells[0].path.read_text().replace('"evaluation": "', '"evaluation": "old'))
    with pytest.raises(UserError, match=r"iddpm-nfe100\.json: made by another configuration"):
        release.target_files(BENCHMARK, "wide", SUITE)
    cells[0].path.unlink()
    assert release.target_files(BENCHMARK, "wide", SUITE) == []
    assert [made.suite for made in target_artefacts(BENCHMARK, "wide", ["scratch", "ablations"])] == [SUITE] * 2
