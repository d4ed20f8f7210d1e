"""What jobs ask of a queue: it grows with the work, leaves local runs alone and fits what was measured."""

import json
import math
from pathlib import Path

import pytest
import torch
from spoil import spoil
from torch.utils.flop_counter import FlopCounterMode

from atbench.metrics.manifold import ROWS
from atbench.models.weights import build
from atbench.reading.timing import summed
from atbench.runtime.device import DEVICE_VARIABLE, PROCESSES_VARIABLE
from atbench.runtime.errors import UserError
from atbench.spec import queue
from atbench.spec.datasets import counts_of, shape_of
from atbench.spec.load import load
from atbench.spec.metrics import FEATURES
from atbench.spec.workload import workloads
from atbench.spec.yaml import EXPERIMENTS

LOGITS = 1008  # of the 2015 Inception network
OF_PIXELS = ["scratch", "finetune", "ablations", "class-conditional", "edm", "consistency", "placement"]
TIME = EXPERIMENTS.parent / "results/released/laptop/time.json"


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    """A machine without a GPU, whose owner has asked for nothing."""
    for name in (DEVICE_VARIABLE, PROCESSES_VARIABLE, queue.TIME_LIMIT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "exists", lambda path, there=Path.exists: "nvidia" not in str(path) and there(path))


def minutes(scale, method="at"):
    return queue.training_minutes(load(scale).suite("scratch").run(method, 0))


def evaluation(scale):
    suite = load(scale).suite("scratch")
    return queue.evaluation_minutes(suite, suite.run("at", 0).cells)


def test_a_job_asks_for_minutes_at_ci_and_for_a_day_and_a_gpu_at_paper():
    whole = 2 * queue.SPARE + queue.DAY
    assert minutes("ci") == 2 * queue.SPARE + 1 < minutes("laptop") < 60 < minutes("gpu") < minutes("paper") == whole
    assert evaluation("ci") <= queue.SHORT < 60 < evaluation("gpu") < evaluation("paper") < queue.DAY
    assert queue.gpus_of(load("ci").suite("scratch")) == 0 and queue.gpus_of(load("paper").suite("scratch")) == 1
    assert queue.memory_mb(load("ci").suite("scratch")) < queue.memory_mb(load("paper").suite("scratch"))
    assert queue.reference_minutes(load("ci").suite("scratch")) < queue.reference_minutes(
        load("paper").suite("scratch")
    )


def test_minutes_follow_the_work_of_a_method():
    asked = {method: minutes("gpu", method) - 2 * queue.SPARE for method in ("adm", "at", "adm-3x")}
    assert asked["at"] == pytest.approx(3 * asked["adm"], abs=3)
    assert asked["adm-3x"] == pytest.approx(2 * asked["adm"], abs=3)  # it continues that run


def test_a_suite_may_ask_for_more_than_its_scale():
    large, small = (load("paper").suite(name) for name in ("class-conditional", "scratch"))
    assert large.queue.pass_ms > small.queue.pass_ms and large.queue.gpu is True
    assert queue.memory_mb(large) > queue.memory_mb(small)


def test_processes_bring_gpus_and_memory_and_save_time(monkeypatch):
    alone = minutes("gpu") - 2 * queue.SPARE
    monkeypatch.setenv(PROCESSES_VARIABLE, "4")
    assert queue.gpus_of(load("gpu").suite("scratch")) == 4 and queue.gpus_of(load("ci").suite("scratch")) == 0
    assert minutes("gpu") - 2 * queue.SPARE == pytest.approx(alone / 4, abs=1)
    assert queue.memory_mb(load("ci").suite("scratch")) == 8000


@pytest.mark.parametrize(("device", "asked"), [("cpu", (0, 0)), ("cuda", (1, 1)), ("auto", (0, 1))])
def test_the_device_decides_first(monkeypatch, device, asked):
    monkeypatch.setenv(DEVICE_VARIABLE, device)
    assert tuple(queue.gpus_of(load(scale).suite("scratch")) for scale in ("ci", "paper")) == asked


def test_the_time_limit_is_what_training_asks_for(monkeypatch):
    monkeypatch.setenv(queue.TIME_LIMIT_VARIABLE, "230")
    assert minutes("paper") == 230 + 2 * queue.SPARE and minutes("ci") == 2 * queue.SPARE + 1
    monkeypatch.setenv(queue.TIME_LIMIT_VARIABLE, "a day")
    with pytest.raises(UserError, match=f"{queue.TIME_LIMIT_VARIABLE}: 'a day' is no number of minutes"):
        minutes("paper")


def test_the_estimate_holds_what_the_released_jobs_took():
    """With the margin nothing is killed, and without it nobody waits for three times what is used."""
    laptop, cost = load("laptop"), json.loads(TIME.read_text())
    released, took = [suite for suite in cost if suite in laptop.suites], summed(cost.values())
    works = workloads(laptop, released, block=128)
    pass_ms = laptop.file.queue.pass_ms
    for kind, passes in (("training", "passes"), ("sampling", "evaluations")):
        estimated = sum(getattr(work, passes) for work in works) * pass_ms / 1000
        assert estimated / 3 < took[kind] < estimated * queue.MARGIN, kind


def test_no_digest_knows_of_the_queue(experiments):
    cell = load("ci").suite("scratch").run("at", 0).cells[0]
    spoil(experiments / "scales/ci.yaml", "queue", {"gpu": True, "memory_gb": 9, "pass_ms": 9.0, "cell_minutes": 9.0})
    load.cache_clear()
    changed = load("ci").suite("scratch").run("at", 0).cells[0]
    assert changed.digests == cell.digests
    assert queue.memory_mb(changed.run.suite) == 9000


@pytest.mark.parametrize("suite", OF_PIXELS)
def test_the_time_of_a_pass_at_paper_scale_is_that_of_its_operations(suite):
    """At 50 TFLOP/s, as the file says: nobody has measured it."""
    found = load("paper").suite(suite)
    classes = {"num_classes": 1000} if found.conditional else {}
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build(found.network_kind, dict(found.network) | classes)
        config = network.config
        x = torch.empty(1, config["in_channels"], config["image_size"], config["image_size"])
        network(x, torch.zeros(1), *([torch.zeros(1, dtype=torch.long)] if classes else []))
    assert found.queue.pass_ms == pytest.approx(1000 * counter.get_total_flops() / 50e12, rel=0.1)


@pytest.mark.parametrize("suite", OF_PIXELS)
def test_the_memory_asked_for_at_paper_scale_holds_the_reference_of_a_cell(suite):
    """Pixels, features and logits of all real images, twice while they are read, and a slab of distances in float64."""
    found = load("paper").suite(suite)
    real, features = sum(counts_of(found.judged_by)), FEATURES[found.extractor] + LOGITS
    compared = found.evaluation.metrics.manifold_reference or counts_of(found.judged_by)[0]
    held = 2 * real * (math.prod(shape_of(found.judged_by)) + 4 * features) + 8 * ROWS * compared
    assert held < 1e6 * queue.memory_mb(found)
