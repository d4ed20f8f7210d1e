"""What the workflow makes beside the default run: opt-in targets, released results, other scales."""

import json
import os
import re
import shutil
import signal

import pytest
from checkout import CELL, Checkout, compute_jobs, jobs, wait_for

from atbench.spec.address import parse_cell
from atbench.spec.load import workflow


def test_released_results_draw_without_weights_or_training(finished, tmp_path):
    finished.run("atbench", "release", "--scale", "ci")
    clone = Checkout(tmp_path / "clone")
    shutil.copytree(finished.folder / "results/released", clone.folder / "results/released")
    shutil.rmtree(finished.folder / "results/released")
    released = clone.folder / "results/released/ci"
    table = (released / "tables/scratch.md").read_text()
    output = clone.snakemake("--forceall", "tables", "figures", config=("cached=1",))
    assert compute_jobs(output) == {}
    assert (released / "tables/scratch.md").read_text() == table
    pack, gone = released / "scratch/cells.jsonl", parse_cell(CELL).axes
    lines = pack.read_text().splitlines(keepends=True)
    kept = [line for line in lines if json.loads(line)["cell"] != gone]
    assert len(kept) == len(lines) - 1
    pack.write_text("".join(kept))
    assert compute_jobs(clone.snakemake("--forceall", "tables", config=("cached=1",))) == {}
    assert "—" in (released / "tables/scratch.md").read_text().split("| Sampler")[1]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_redraw_that_is_interrupted_loses_no_page(scratchpad, kind):
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "scratch")
    released = scratchpad.folder / "results/released/ci"
    command = ("snakemake", "--cores", "2", "--forceall", "tables", "figures", "--config", "scale=ci", "cached=1")
    scratchpad.run(*command)  # pages of the one released suite
    before = {path: path.read_bytes() for path in released.rglob("*") if path.is_file() and path.suffix != ".log"}
    for log in released.glob("tables/*.log"):
        log.unlink()
    with scratchpad.started(*command) as process:
        wait_for(lambda: list(released.glob("tables/*.log")))  # the first job has begun
        os.killpg(process.pid, kind)
    after = {path: path.read_bytes() if path.exists() else b"gone" for path in before}
    assert [path.name for path in before if before[path] != after[path]] == []
    scratchpad.run(*command)  # and the same command continues
    assert {path: path.read_bytes() for path in before} == before


def test_distilled_students_and_their_teacher_stand_beside_each_other(finished):
    root = finished.folder / "results/ci"
    student = json.loads((root / "latent-consistency/lcm-at/seed0/final/lcm-nfe4.json").read_text())
    assert student["counts"]["nfe"] == 4 and student["counts"]["forward_passes"] == 10 * (3 * 3 + 2 + 1)
    assert 0 <= student["metrics"]["caption_score"] <= 1 and "autoencoder" in student["inputs"]
    teacher = json.loads((root / "latent-consistency/teacher/seed0/final/ddim-guided-nfe8.json").read_text())
    assert teacher["counts"]["nfe"] == 8 and teacher["counts"]["updates"] == 0
    table = (root / "tables/latent-consistency.md").read_text()
    assert "reconstruction (autoencoder)" in table and "Teacher" in table


def test_a_suite_beside_the_default_ones_runs_by_its_name(scratchpad):
    scratchpad.snakemake("edm")
    assert (scratchpad.folder / "results/ci/edm/edm/seed0/config.json").exists()
    assert jobs(scratchpad.snakemake("-n", "edm")) == {}
    # From now on it stands on the pages that span suites, without being a part of everything.
    page = "results/ci/tables/claims.md"
    planned = scratchpad.run("snakemake", "-n", "-p", "--cores", "1", page, "--config", "scale=ci", "suites=[scratch]")
    assert re.search(rf"--suites {' '.join([*workflow().suites, 'edm'])} +--only", planned)
    assert "evaluate" not in jobs(planned)
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "edm")
    assert "edm" in jobs(scratchpad.snakemake("-n", "--forceall", "tables", config=("cached=1",)))


def test_mismatch_is_an_opt_in_target(scratchpad):
    planned = jobs(scratchpad.snakemake("-n", "mismatch", config=("suites=[scratch]",)))
    pages = {"mismatch_of_suite": 1, "mixture": 1, "mismatch": 1}
    assert planned == {"measure_run": 4, "measure_scale": 1} | pages
    suite = scratchpad.folder / "experiments/suites/scratch.yaml"  # two methods are enough to see it run
    suite.write_text(suite.read_text().replace("methods: [adm, ip, at, adm-3x]", "methods: [adm, at]"))
    scratchpad.snakemake("mismatch", config=("suites=[scratch]",))
    root = scratchpad.folder / "results/ci"
    measured = json.loads((root / "scratch/at/seed0/final/mismatch.json").read_text())
    assert {row["t"] for row in measured["robust_loss"]} == {50, 250, 500, 750, 950}
    assert "ADM-AT" in (root / "tables/scratch-mismatch.md").read_text()
    assert (root / "figures/scratch-exposure.pdf").exists() and (root / "figures/mixture.pdf").exists()
    assert jobs(scratchpad.snakemake("-n", "mismatch", config=("suites=[scratch]",))) == {}
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "scratch")
    drawn = scratchpad.snakemake("-n", "--forceall", "figures", config=("cached=1",))
    assert {"mismatch_of_suite", "mixture"} <= set(jobs(drawn))


def test_wider_grid_is_an_opt_in_target(scratchpad):
    planned = jobs(scratchpad.snakemake("-n", "wide", config=("suites=[scratch]",)))
    assert planned == {"cell": 4 * 2 * 4, "wide_of_suite": 1, "wide": 1}  # methods, samplers, step counts
    wide = scratchpad.folder / "experiments/wide.yaml"  # one more step count is enough to see it run
    wide.write_text(re.sub("nfe: .*", "nfe: [12]", wide.read_text()))
    scratchpad.snakemake("wide", config=("suites=[scratch]",))
    root = scratchpad.folder / "results/ci"
    assert "NFE 12" in (root / "tables/scratch-wide.md").read_text()
    assert json.loads((root / "scratch/at/seed0/final/iddpm-nfe12.json").read_text())["counts"]["nfe"] == 12
    planned = jobs(scratchpad.snakemake("-n", config=("suites=[scratch]",)))
    assert "claims" in planned and not planned.keys() & {"train", "evaluate", "cell", "wide_of_suite"}
    scratchpad.snakemake(config=("suites=[scratch]",))
    assert "NFE 12" in (root / "tables/claims.md").read_text()
    assert jobs(scratchpad.snakemake("-n", "wide", config=("suites=[scratch]",))) == {}
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "scratch")
    drawn = scratchpad.snakemake("-n", "--forceall", "figures", config=("cached=1",))
    assert "wide_of_suite" in jobs(drawn)


def test_html_report(finished):
    finished.snakemake("--report", "results/ci/report.html")
    page = (finished.folder / "results/ci/report.html").read_text()
    assert "scratch-quality-nfe" in page


def test_paper_scale_plans_its_whole_graph(finished):
    planned = finished.planned(scale="paper")
    assert {"scratch/at", "finetune/at", "class-conditional/at"} <= set(planned["train"])
    assert "scratch/at" in planned["evaluate"]
    planned = finished.planned(scale="paper", config=("suites=[latent-consistency]",))
    assert len(planned["reconstruction"]) == 1
    methods = ("lcm", "lcm-ip", "lcm-at", "lcm-forward", "lcm-3x", "teacher")
    assert set(planned["train"]) == {f"latent-consistency/{method}" for method in methods}
