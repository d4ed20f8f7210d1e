"""The search for the constants of training-free samplers, on made-up cells."""

import pytest
from spoil import refusal, spoil

from atbench.runtime.records import read_record
from atbench.spec.load import load
from atbench.spec.models.samplers import Sampler
from atbench.spec.records import CellForm
from atbench.spec.searches import SamplerTuningForm
from atbench.spec.tuning import with_options
from atbench.tasks.tune_samplers import best_of_each, by_nfe, choose_samplers, measured


def search():
    return load("workstation").suite("tune-scratch-samplers")


def test_the_search_is_one_run_of_the_baseline_from_a_seed_that_no_table_reports():
    [run] = search().runs()
    suite, tuning = load("workstation").suite("scratch"), load("workstation").tuning
    assert run.address.method == suite.methods[0] and run.address.seed == tuning.seed not in suite.size.seeds
    assert run.recipe.learning_rate == suite.run("adm", 0).recipe.learning_rate
    assert load("workstation").searched_by.endswith("heldout")  # never the images that cells are compared with
    found = tuning.samplers["scratch"]
    assert len(run.cells) == sum(map(len, found.candidates.values())) * len(found.nfe)
    tried = [cell.slice["sampler"]["eps_scale"] for cell in run.cells if cell.address.sampler.startswith("es-ddim-c")]
    assert tried == [o["eps_scale"] for o in found.candidates["es-ddim"] for _ in found.nfe]


def test_no_search_is_judged_by_the_distance_that_is_reported():
    by = {scale: (load(scale).file.leads, load(scale).searched_by) for scale in ("workstation", "laptop", "fashion")}
    assert by["fashion"] == ("fd_heldout", "fd")
    assert all(reported != judged for reported, judged in by.values())


def test_values_of_several_seeds_are_averaged(experiments, monkeypatch):
    spoil(experiments / "scales/ci.yaml", "suites", "scratch", "search_seeds", [100, 101])
    runs = load("ci").suite("tune-scratch-samplers").runs()
    values = {cell.address.path: 1.0 if run.address.seed == 100 else 3.0 for run in runs for cell in run.cells}
    monkeypatch.setattr(CellForm, "read", lambda path: {"metrics": {"fd": values[path]}})
    assert {run.address.seed for run in runs} == {100, 101} and set(measured(runs, "fd").values()) == {2.0}


def test_each_step_count_has_the_candidate_of_its_lowest_value(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    values = {cell.address.path: 10.0 for cell in search().cells()}
    lowest = {("es-ddim", 5): 2, ("es-ddim", 10): 0, ("es-ddim", 20): 3, ("dcw-ddim", 5): 1}
    for cell in search().cells():
        name, _, index = cell.address.sampler.rpartition("-c")
        if lowest.get((name, cell.nfe)) == int(index):
            values[cell.address.path] = 1.0
    monkeypatch.setattr(CellForm, "read", lambda path: {"metrics": {"fd_heldout": values[path]}})
    choose_samplers(search())
    record = read_record("results/workstation/tuning/scratch-samplers.json")
    SamplerTuningForm.model_validate(record)
    assert record["winners"]["es-ddim"] == {"eps_scale": {"5": 1.011, "10": 1.003, "20": 1.017}}
    assert record["winners"]["dcw-ddim"]["dcw"] == {
        "low": {"5": 0.05, "10": 0.01, "20": 0.01},
        "high": {"5": 0.0, "10": 0.0, "20": 0.0},
    }
    assert record["winners"]["shift-label"]["time_shift"]["moves"] == "label"
    assert record["samplers"]["es-ddim"][2] == {
        "options": {"eps_scale": 1.011},
        "fd_heldout": {"5": 1.0, "10": 10.0, "20": 10.0},
    }
    # The lowest geometric mean of winners: of DDIM 1, 1, 1 against 1, 10, 10 of DCW and 10 of the shifts.
    assert record["best"] == {"ddim": "es-ddim", "iddpm": "es-linear"}  # those of IDDPM are level: the first
    assert "es-ddim" in capsys.readouterr().out


def test_the_best_of_a_plain_sampler_is_the_lowest_of_its_own_corrections():
    means = {"es-linear": 3.0, "dcw-iddpm": 2.0, "es-ddim": 4.0, "dcw-ddim": 5.0}
    assert best_of_each(means, load("workstation").samplers) == {"iddpm": "dcw-iddpm", "ddim": "es-ddim"}


@pytest.mark.parametrize("name", load("workstation").tuning.samplers["scratch"].candidates)
def test_winners_are_what_sampling_of_a_scale_takes(name):
    search = load("workstation").tuning.samplers["scratch"]
    chosen = by_nfe(dict(zip(search.nfe, search.candidates[name])))
    assert isinstance(with_options(load("workstation").samplers[name], chosen), Sampler)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"eps_scale": 0.0}, "eps_scale: 0.0: must be greater than 0"),
        ({"kind": "ddim"}, "kind: is no constant"),
        ({"order": 2}, "order: unknown key 'order'"),
    ],
)
def test_a_candidate_that_cannot_be_is_refused_by_its_key(experiments, options, words):
    spoil(experiments / "tuning.yaml", "samplers", "scratch", "candidates", "es-ddim", [options] * 4)
    assert f"tuning.yaml: samplers.scratch.candidates.es-ddim.0.{words}" in refusal(lambda: load("ci"))


def test_a_step_count_that_a_candidate_cannot_spend_is_refused(experiments):
    spoil(experiments / "tuning.yaml", "samplers", "scratch", "nfe", [37])
    assert "tuning.yaml: samplers.scratch.nfe: " in refusal(lambda: load("ci"))
