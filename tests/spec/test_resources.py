"""What jobs ask of a queue: it grows with the work, leaves local runs alone and fits what was measured."""

import dataclasses
import json
from pathlib import Path

import pytest

from atbench import plan, resources, slices, workload
from atbench.config import EXPERIMENTS, load
from atbench.reading.timing import summed
from atbench.runtime.device import DEVICE_VARIABLE, PROCESSES_VARIABLE
from atbench.runtime.errors import UserError
from atbench.spec.address import Run

TIME = EXPERIMENTS.parent / "results/released/laptop/time.json"
AT = {scale: Run(scale, "scratch", "at", 0) for scale in ("ci", "laptop", "gpu", "paper")}


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """A machine without a GPU, whose owner has asked for nothing."""
    for name in (DEVICE_VARIABLE, PROCESSES_VARIABLE, resources.TIME_LIMIT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "exists", lambda path, there=Path.exists: "nvidia" not in str(path) and there(path))


def minutes(scale, method="at"):
    run = Run(scale, "scratch", method, 0)
    return resources.training_minutes(load(scale), run)


def evaluation(scale):
    return resources.evaluation_minutes(load(scale), AT[scale], plan.cells(load(scale), AT[scale]))


def test_a_job_asks_for_minutes_at_ci_and_for_a_day_and_a_gpu_at_paper():
    whole = 2 * resources.SPARE + resources.DAY
    assert (
        minutes("ci") == 2 * resources.SPARE + 1 < minutes("laptop") < 60 < minutes("gpu") < minutes("paper") == whole
    )
    assert evaluation("ci") <= resources.SHORT < 60 < evaluation("gpu") < evaluation("paper") < resources.DAY
    assert resources.gpus_of(load("ci"), "scratch") == 0 and resources.gpus_of(load("paper"), "scratch") == 1
    assert resources.memory_mb(load("ci"), "scratch") < resources.memory_mb(load("paper"), "scratch")
    assert resources.reference_minutes(load("ci"), "scratch") < resources.reference_minutes(load("paper"), "scratch")


def test_minutes_follow_the_work_of_a_method():
    asked = {method: minutes("gpu", method) - 2 * resources.SPARE for method in ("adm", "at", "adm-3x")}
    assert asked["at"] == pytest.approx(3 * asked["adm"], abs=3)
    assert asked["adm-3x"] == pytest.approx(2 * asked["adm"], abs=3)  # it continues that run


def test_a_suite_may_ask_for_more_than_its_scale():
    paper = load("paper")
    assert resources.queue_of(paper, "class-conditional")["pass_ms"] > resources.queue_of(paper, "scratch")["pass_ms"]
    assert resources.queue_of(paper, "class-conditional")["gpu"] is True
    assert resources.memory_mb(paper, "class-conditional") > resources.memory_mb(paper, "scratch")


def test_processes_bring_gpus_and_memory_and_save_time(monkeypatch):
    alone = minutes("gpu") - 2 * resources.SPARE
    monkeypatch.setenv(PROCESSES_VARIABLE, "4")
    assert resources.gpus_of(load("gpu"), "scratch") == 4 and resources.gpus_of(load("ci"), "scratch") == 0
    assert minutes("gpu") - 2 * resources.SPARE == pytest.approx(alone / 4, abs=1)
    assert resources.memory_mb(load("ci"), "scratch") == 8000


@pytest.mark.parametrize(("device", "asked"), [("cpu", (0, 0)), ("cuda", (1, 1)), ("auto", (0, 1))])
def test_the_device_decides_first(monkeypatch, device, asked):
    monkeypatch.setenv(DEVICE_VARIABLE, device)
    assert tuple(resources.gpus_of(load(scale), "scratch") for scale in ("ci", "paper")) == asked


def test_the_time_limit_is_what_training_asks_for(monkeypatch):
    monkeypatch.setenv(resources.TIME_LIMIT_VARIABLE, "230")
    assert minutes("paper") == 230 + 2 * resources.SPARE and minutes("ci") == 2 * resources.SPARE + 1
    monkeypatch.setenv(resources.TIME_LIMIT_VARIABLE, "a day")
    with pytest.raises(UserError, match=f"{resources.TIME_LIMIT_VARIABLE}: 'a day' is no number of minutes"):
        minutes("paper")


def test_the_estimate_holds_what_the_released_jobs_took():
    """With the margin nothing is killed, and without it nobody waits for three times what is used."""
    laptop, cost = load("laptop"), json.loads(TIME.read_text())
    released, took = [suite for suite in cost if suite in laptop.suites], summed(cost.values())
    works = workload.workloads(laptop, released, block=128)
    pass_ms = laptop.sizes["queue"]["pass_ms"]
    for kind, passes in (("training", "passes"), ("sampling", "evaluations")):
        estimated = sum(getattr(work, passes) for work in works) * pass_ms / 1000
        assert estimated / 3 < took[kind] < estimated * resources.MARGIN, kind


def test_no_digest_knows_of_the_queue():
    ci, other = load("ci"), {"gpu": True, "memory_gb": 9, "pass_ms": 9.0, "cell_minutes": 9.0}
    changed = dataclasses.replace(ci, sizes=ci.sizes | {"queue": other})
    cell = plan.cells(ci, AT["ci"])[0]
    assert slices.digests(ci, cell) == slices.digests(changed, cell)
    assert resources.memory_mb(changed, "scratch") == 9000
