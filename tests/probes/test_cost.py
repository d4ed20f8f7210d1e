"""The cost of training: what is counted against what is declared, memory of known size, the table of known times."""

import json

import pytest
import torch
from altered import altered
from made_up import provenance

from atbench.probes.cost import PROBE, measure, page
from atbench.reading.sheet import Sheet
from atbench.report import render
from atbench.report.artefact import TABLE
from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from atbench.spec import budget
from atbench.spec.load import load
from atbench.tasks import release_measures

BENCHMARK, CPU, MIB = load("ci"), torch.device("cpu"), 2**20
RUNS = PROBE.runs(BENCHMARK)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.suite.name}-{run.address.method}")
def test_counted_passes_are_the_declared_ones(run):
    """The cost in passes that budgets of equal cost rest on is what a batch really makes."""
    work = measure.trainer_and_batch(run, CPU)
    counted = measure.passes(*work)
    assert counted["passes"] == run.passes_per_batch
    assert counted["updates"] == budget.updates_per_batch(run.method)
    assert counted["student_forward"] == counted["backward"] == run.method.inner_steps
    others = counted["teacher_forward"], counted["target_forward"]
    assert others == {"scratch": (0, 0), "consistency": (1, 1), "latent-consistency": (2, 1)}[run.suite.name]
    assert not work[0].model._forward_pre_hooks


def test_methods_cover_every_way_to_choose_delta():
    methods = {run.suite.name: [r.method for r in RUNS if r.suite is run.suite] for run in RUNS}
    assert list(methods) == ["scratch", "consistency", "latent-consistency"]
    assert {method.inner_steps for method in methods["scratch"] if method.free} == {1, 2, 3, 5}
    assert any(not method.free for method in methods["scratch"])
    assert {run.suite.name for run in PROBE.runs(load("paper"))} == {"scratch", "consistency"}


def test_ratios_need_their_baseline():
    without = altered(BENCHMARK, "cost", methods={"scratch": ["at"]})
    with pytest.raises(UserError, match=r"cost\.yaml: methods: scratch/adm is missing"):
        PROBE.runs(without)


def test_peak_memory_of_known_tensors():
    class Known:
        def train_batch(self, x0, labels):
            first = torch.empty(MIB, dtype=torch.uint8)
            second = torch.empty(2 * MIB, dtype=torch.uint8)
            del first
            third = torch.empty(MIB // 2, dtype=torch.uint8)
            del second, third

    assert measure.cpu_peak(Known(), (None, None)) == 3 * MIB


def test_held_memory_counts_every_tensor_of_a_state():
    state = {"a": torch.zeros(3), "b": {0: [torch.zeros(2, dtype=torch.float64)], "n": 7}, "c": (torch.zeros(1),)}
    assert measure.held_bytes(state) == 4 * 3 + 8 * 2 + 4
    adm, cm = (measure.trainer_and_batch(RUNS[i], CPU)[0] for i in (0, 7))
    assert (RUNS[0].address.method, RUNS[7].address.method) == ("adm", "cm")
    weights = measure.held_bytes(adm.model.state_dict())
    assert measure.held_bytes(adm.state()) == 2 * weights  # an average beside them, no update yet
    assert measure.held_bytes(cm.state()) == 4 * measure.held_bytes(cm.model.state_dict())  # teacher and target, too


def test_nobody_always_follows_the_same_one():
    assert [measure.rotated([0, 1, 2], by) for by in range(4)] == [[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 1, 2]]


def test_a_device_whose_memory_cannot_be_watched_is_refused(monkeypatch):
    monkeypatch.setattr(measure, "choose", lambda threads: torch.device("mps"))
    with pytest.raises(UserError, match="watched on mps; set ATBENCH_DEVICE"):
        PROBE.measure(BENCHMARK)


def test_a_measurement_is_whole_and_its_table_follows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"methods": {"scratch": ["adm", "at"]}, "warm_up": 1, "turns": 2}
    small = altered(BENCHMARK, "cost", **settings)
    PROBE.measure(small)
    record = json.loads((tmp_path / "results/ci/cost.json").read_text())
    assert [len(row["seconds"]) for row in record["rows"]] == [2, 2] and record["settings"] == settings
    assert all(row["batch_bytes"] > row["held_bytes"] > 0 and min(row["seconds"]) > 0 for row in record["rows"])
    assert {"commit", "dirty", "versions", "device", "threads", "date", "sources"} <= record["provenance"].keys()
    numbers = PROBE.numbers(Sheet(small, tmp_path / "results/ci", None, [])).set_index("method")
    assert numbers.ratio["adm"] == 1 and numbers.ratio["at"] > 1.5 and numbers.passes["at"] == 9


def record(**changes):
    """A cost.json in which AT takes three times ADM's time in every turn, whose pace varies."""
    pace = [1.0, 2.0, 4.0]
    rows = []
    for run in RUNS:
        rounds, updates = run.method.inner_steps, budget.updates_per_batch(run.method)
        row = {"suite": run.suite.name, "method": run.address.method, "batch_size": 64, "parameters": 9}
        row |= {"updates": updates}
        row |= {"student_forward": rounds, "teacher_forward": 0, "target_forward": 1, "backward": rounds, "passes": 3}
        held = MIB if run.suite.name == "scratch" else 3 * MIB
        rows.append(row | {"held_bytes": held, "batch_bytes": MIB, "seconds": [0.01 * rounds * p for p in pace]})
    made = provenance(versions={"torch": "2"}, device="cpu", threads=1, date="2025-01-01T00:00:00+00:00")
    settings, config = PROBE.settings(BENCHMARK).written(), {"cost": PROBE.digest(BENCHMARK)}
    return {"rows": rows, "settings": settings, "config": config, "provenance": made} | changes


def test_table_compares_batches_of_one_turn_and_divides_by_updates(tmp_path):
    write_record(tmp_path / "cost.json", record())
    table = page.table(BENCHMARK, PROBE.shown(BENCHMARK, tmp_path))
    text = table.text(render.MARKDOWN)
    at, pgd = (text.xs(label, level="Method").iloc[0] for label in ("ADM-AT", "PGD"))
    assert at["ms/batch"] == "60.0" and at["x ADM"] == "3.00 [3.00, 3.00]" and at["K"] == "3"
    assert (at["ms/update"], at["update x ADM"]) == ("20.0", "1.00")
    assert (pgd["ms/update"], pgd["update x ADM"]) == ("60.0", "3.00")
    cm = text.xs("CM-AT", level="Method").iloc[0]
    assert cm["peak x ADM"] == "2.00" and cm["peak MiB"] == "4.0" and cm["x plain"] == "3.00"
    assert "cpu, 1 thread, 2025-01-01" in table.caption and "Not measured" not in table.caption
    paths = render.write(table, tmp_path / "cost", TABLE)
    assert [path.suffix for path in paths] == [".csv", ".md", ".tex"]
    assert (tmp_path / "cost.csv").read_text().splitlines()[1].startswith("scratch,adm,64,9,0.02,1,1,1,1,0.02,1,")
    assert "\\toprule" in (tmp_path / "cost.tex").read_text()


def test_stale_measurements_are_left_out_and_damaged_ones_named(tmp_path, capfd):
    write_record(tmp_path / "cost.json", record(config={"cost": "0" * 16}))
    table = page.table(BENCHMARK, PROBE.shown(BENCHMARK, tmp_path))
    assert table.numbers.empty and set(table.text(render.MARKDOWN)["ms/batch"]) == {"—"}
    assert "no results yet" in table.caption and "ADM-AT" in render.latex(table, "cost")
    write_record(tmp_path / "cost.json", {"rows": []})
    assert PROBE.shown(BENCHMARK, tmp_path) is None
    assert "cost.json: config: missing" in capfd.readouterr().err


def test_what_a_scale_is_measured_for_is_released_once_it_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert release_measures.of_scale(BENCHMARK) == []
    write_record(PROBE.path(BENCHMARK), record())
    assert release_measures.of_scale(BENCHMARK) == [PROBE.path(BENCHMARK)]
    pages = ["tables/cost.csv", "tables/cost.md", "tables/cost.tex"]
    assert sorted(release_measures.pages(BENCHMARK, PROBE.path(BENCHMARK).parent, [])) == pages
    write_record(PROBE.path(BENCHMARK), record(config={"cost": "0" * 16}))
    with pytest.raises(UserError, match=r"cost\.json: configuration changed; measure it again before releasing"):
        release_measures.of_scale(BENCHMARK)
