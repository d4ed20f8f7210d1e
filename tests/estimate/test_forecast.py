"""`atbench estimate`: what it counts is what jobs counted, what it measures says how much of a batch it saw."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
import torch
from checkout import REPOSITORY

from atbench.estimate import stopwatch
from atbench.estimate.forecast import noted, released, row
from atbench.estimate.table import Row, Spread, forecast
from atbench.reading import packs
from atbench.reading.tree import CELLS, RUNS
from atbench.runtime.errors import UserError
from atbench.spec import workload
from atbench.spec.address import Run
from atbench.spec.load import load, workflow
from atbench.tasks.generate import BLOCK

RELEASED = REPOSITORY / "results/released/laptop"
CPU = torch.device("cpu")
SUITES = ["scratch", "finetune", "class-conditional"]
DEFAULT_SUITES = list(workflow().suites)


@pytest.mark.parametrize("suite", SUITES)
def test_counts_are_those_that_the_released_jobs_recorded(suite):
    found = {work.suite: work for work in workload.workloads(load("laptop"), SUITES, BLOCK)}[suite]
    lines = packs.read_whole(RELEASED / suite / RUNS)
    runs = {name.split("/")[0]: run for name, run in lines.items() if name.endswith("/seed0/config.json")}
    seeds = sum(name.startswith("adm/") and name.endswith("config.json") for name in lines)
    passes = {method: config["counts"]["forward_passes"] for method, config in runs.items()}
    passes["adm-3x"] -= passes["adm"]  # it continues that run
    assert found.passes == seeds * sum(passes.values()) * runs["adm"]["slice"]["batch_size"]
    # Released with the suite are cells of the wider grid, an opt-in target.
    grid = load("laptop").file.nfe
    recorded = packs.read_whole(RELEASED / suite / CELLS).values()
    cells = [cell for cell in recorded if cell["counts"]["nfe"] in grid]
    assert found.cells == len(cells) > 0
    assert found.evaluations == sum(cell["counts"]["nfe"] * cell["counts"]["samples"] for cell in cells)


def test_jobs_are_those_of_the_workflow():
    command = [sys.executable, "-m", "snakemake", "-n", "--forceall", "--quiet=rules", "--config", "scale=laptop"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    output = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True).stdout
    planned = sum(map(int, re.findall(r"^(?!all|total)\w+\s+(\d+)$", output.split("Job stats:")[1], re.M)))
    works = workload.workloads(load("laptop"), DEFAULT_SUITES, BLOCK)
    counted = sum(work.compute_jobs + work.report_jobs for work in works)
    assert counted + workload.shared_jobs(load("laptop"), DEFAULT_SUITES) == planned


def test_what_a_suite_is_made_from_is_planned_too_but_not_judged():
    works = {work.suite: work for work in workload.workloads(load("ci"), ["finetune"], BLOCK)}
    assert list(works) == ["extractor", "scratch", "finetune"]
    runs = [run.address for run in works["scratch"].runs]
    assert runs == [Run("ci", "scratch", "adm", 0), Run("ci", "scratch", "adm-3x", 0)]
    assert works["scratch"].cells == works["scratch"].report_jobs == works["scratch"].evaluations == 0
    assert works["finetune"].judged and works["finetune"].cells > 0
    with pytest.raises(UserError, match="scrach"):
        workload.workloads(load("ci"), ["scrach"], BLOCK)


def test_a_padded_block_is_counted_whole():
    run = load("ci").suite("scratch").run("adm", 0)  # 192 samples, blocks of 128: 256
    nfe = workload.sampling_evaluations(run, 1) // 192
    assert workload.sampling_evaluations(run, BLOCK) == 256 * nfe


def test_long_work_is_cut_to_fewer_images_and_says_so(monkeypatch):
    monkeypatch.setattr(stopwatch, "LONGEST", 0.1)
    monkeypatch.setattr(stopwatch, "SHORTEST", 0.0)
    timing = stopwatch.timed(lambda images: time.sleep(0.01 * images), 64, 2, CPU)
    assert 1 < timing.images <= 8 and timing.wanted == 64 and len(timing.wall) == stopwatch.REPEATS
    assert min(timing.wall) > 0.004 and "of 64, scaled" in noted("work", timing)
    whole = stopwatch.timed(lambda images: time.sleep(0.001), 4, 1, CPU)
    assert whole.images == 4 and "scaled" not in noted("work", whole)


def test_a_batch_that_would_fill_the_memory_is_cut(monkeypatch):
    monkeypatch.setattr(stopwatch, "SHORTEST", 0.0)
    monkeypatch.setattr(stopwatch, "filled", lambda device: 0.3)
    assert stopwatch.timed(lambda images: None, 64, 1, CPU).images == 1


def test_the_estimate_scales_what_was_measured():
    work = workload.workloads(load("ci"), ["scratch"], BLOCK)[-1]
    timing = stopwatch.Timing((1.0, 2.0, 3.0), (0.5, 1.0, 1.5), 8, 8)
    found = row(work, stopwatch.Measured(timing, timing, weights=10, state=100), startup=2.0)
    assert found.training == Spread(2.0 * work.passes, 1.0 * work.passes, 3.0 * work.passes)
    assert found.cpu_sampling == work.evaluations and found.training.percent == 50
    assert found.metrics == Spread(0.0, 0.0, 0.0)  # nothing was scored
    scored = row(work, stopwatch.Measured(timing, timing, 10, 100), 2.0, stopwatch.Timing((3.0,), (4.0,), 64, 192))
    assert scored.metrics.middle == 3.0 * work.cells and scored.cpu_metrics == 4.0 * work.cells
    assert "3 s a cell of 192 images, scaled from 64" in scored.notes[-1]
    assert found.startup == 2.0 * 8 and found.disk == 10 * work.snapshots + 100 * 4


def test_what_cannot_be_measured_is_named_and_left_out_of_the_sum():
    paper = load("paper")
    works = {work.suite: work for work in workload.workloads(paper, ["latent-consistency"], BLOCK)}
    with pytest.raises(UserError, match="ATBENCH_STABLE_DIFFUSION") as caught:
        stopwatch.measure(works["latent-consistency"], CPU)
    scratch = workload.workloads(load("ci"), ["scratch"], BLOCK)[-1]
    known = Row(scratch, training=Spread(3600.0, 3600.0, 3600.0), cpu_training=3600.0)
    cost = {"training": 1800.0, "sampling": 1.0, "metrics": 1.0, "start-up": 1.0, "total": 1803.0}
    rows = [known, Row(works["latent-consistency"], fault=str(caught.value))]
    listed = forecast("paper", "cpu", rows, 4, 0.5, cost)
    text = str(listed)
    assert "latent-consistency: not measured" in text and "had 50 %" in text
    total = next(line.split() for line in text.splitlines() if line.split()[:1] == ["total"])
    assert total[-3] == "1.00" and "+100 %" in text
    assert listed.value["total"]["hours"] == 1.0 and listed.value["suites"][1]["training_h"] is None


def test_the_released_cost_is_that_of_the_same_suites(tmp_path, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    laptop, cost = load("laptop"), json.loads((RELEASED / "time.json").read_text())
    found = released(laptop, workload.workloads(laptop, ["scratch"], BLOCK))
    parts = [cost[name] for name in ("extractor", "scratch", "references")]
    assert found["total"] == pytest.approx(sum(part["total"] for part in parts)) and found["metrics"] > 0
    # Of `scratch` only the runs behind it would be trained again.
    assert released(laptop, workload.workloads(laptop, ["finetune"], BLOCK)) is None
    ci = load("ci")  # never released
    assert released(ci, workload.workloads(ci, ["scratch"], BLOCK)) is None
    monkeypatch.chdir(tmp_path)
    assert released(laptop, workload.workloads(laptop, ["scratch"], BLOCK)) is None


@pytest.mark.slow
def test_the_command_prints_every_suite(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "ATBENCH_DEVICE": "cpu"}
    command = [sys.executable, "-m", "atbench", "estimate", "ci", "--suites", "scratch", "consistency"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line.strip()}
    assert {"extractor", "scratch", "consistency", "shared", "total"} <= lines.keys()
    assert float(lines["total"][-3]) >= 0 and "128 at once" in done.stdout and "Against" not in done.stdout
    assert "scratch: metrics: " in done.stdout and "s a cell of 192 images" in done.stdout
