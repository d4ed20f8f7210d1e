"""The constants in use are the winners of the committed search."""

import dataclasses
import json
import math

import pandas as pd
import pytest
from spoil import refusal, spoil

from atbench.reading.sheet import Sheet
from atbench.report import render, tuning_table
from atbench.runtime.records import write_record
from atbench.spec.address import RELEASED
from atbench.spec.load import load
from atbench.spec.tuning import as_suite, candidates
from atbench.spec.yaml import EXPERIMENTS
from atbench.tasks import tune
from atbench.tasks.tune import compared, mean_ranks

RELEASES = EXPERIMENTS.parent / RELEASED
SEARCHED = sorted(load("laptop").tuning.search)


def committed(scale, suite):
    return json.loads((RELEASES / f"{scale}/tuning/{suite}.json").read_text())


@pytest.mark.parametrize(
    ("scale", "home"), [("laptop", "laptop"), ("laptop-1", "laptop-1"), ("workstation", "laptop-1")]
)
def test_tuned_constants_are_the_winners_of_the_committed_search(scale, home):
    benchmark = load(scale)
    for suite, searched in benchmark.tuning.suites.items():
        assert benchmark.file.written()["tuned"][suite] == committed(home, searched)["winners"]


@pytest.mark.parametrize("scale", ["laptop", "fashion"])
def test_constants_of_training_free_samplers_are_the_winners_of_the_committed_search(scale):
    found, used = committed(scale, "scratch-samplers"), load(scale).file.written()["suites"]["scratch"]
    winners = {
        name: {key: per_nfe(value) for key, value in options.items()} for name, options in found["winners"].items()
    }
    assert {name: used["sampling"][name] for name in winners} == winners
    assert used["best_training_free"] == found["best"]


def per_nfe(value):
    """An option as a scale has it, whose step counts are numbers; records have them as words."""
    if not isinstance(value, dict):
        return value
    return {int(key) if key.isdecimal() else key: per_nfe(inner) for key, inner in value.items()}


@pytest.mark.parametrize("suite", SEARCHED)
@pytest.mark.parametrize(("scale", "protocol"), [("laptop-1", 1), ("laptop", 2)])
def test_the_committed_search_is_of_the_present_configuration(scale, protocol, suite):
    runs = load(scale).under(protocol).suite(f"tune-{suite}").runs()
    assert committed(scale, suite)["configs"] == tune.configs(runs)


@pytest.mark.parametrize("scale", ["laptop-1", "laptop"])
@pytest.mark.parametrize("suite", SEARCHED)
def test_every_method_has_as_many_candidates(scale, suite):
    record = committed(scale, suite)
    assert set(record["methods"]) == set(load(scale).tuning.search[suite].methods)
    assert {len(rows) for rows in record["methods"].values()} == {4}


@pytest.mark.parametrize("suite", SEARCHED)
def test_a_published_value_stays_unless_another_beats_it_and_without_one_the_lowest_mean_rank_wins(suite):
    record, search = committed("laptop", suite), load("laptop").tuning.search[suite]
    for method, rows in record["methods"].items():
        ((key, value),) = record["winners"][method].items()
        if method in search.published and value != search.published[method][key]:
            (won,) = (row for row in rows if row[key] == value)
            assert won["gain"]["low"] > 0
        elif method not in search.published:
            assert value == min(rows, key=lambda row: row["mean_rank"])[key]


@pytest.mark.parametrize("suite", SEARCHED)
def test_the_first_search_chose_the_lowest_mean_rank(suite):
    record = committed("laptop-1", suite)
    for method, rows in record["methods"].items():
        ((key, value),) = record["winners"][method].items()
        assert value == min(rows, key=lambda row: row["mean_rank"])[key]


def scores(*log_gains):
    """Candidates, each with distances below the first's by these log gains, one for each seed; of two cells."""
    return [
        {seed: {"a": 2 * math.exp(-gain), "b": 5 * math.exp(-gain)} for seed, gain in enumerate(gains)}
        for gains in log_gains
    ]


def test_a_value_wins_only_if_it_beats_the_published_one_beyond_its_own_noise():
    published = (0.0, 0.0, 0.0, 0.0)
    rows, won = compared(scores(published, (0.20, 0.21, 0.19, 0.20), (0.1, 0.1, 0.11, 0.09)), 0)
    assert won == 1 and rows[1]["gain"]["gain"]["mean"] == pytest.approx(1 - math.exp(-0.2))
    assert rows[0]["gain"] == {} and 0 < rows[2]["gain"]["gain"]["low"] < rows[2]["gain"]["gain"]["high"]
    rows, won = compared(scores(published, (0.5, -0.1, 0.4, 0.0)), 0)
    assert won == 0 and rows[1]["mean_rank"] < rows[0]["mean_rank"]  # better on average, and no more than that
    assert rows[1]["gain"]["gain"]["low"] < 0 < rows[1]["gain"]["gain"]["high"]


def test_more_candidates_have_to_be_surer():
    gains = (0.02, 0.09, 0.05, 0.12)  # p = 0.045
    others = [(-0.1, -0.1, -0.1, -0.1)] * 2
    assert compared(scores((0.0,) * 4, gains), 0)[1] == 1
    assert compared(scores((0.0,) * 4, gains, *others), 0)[1] == 0


def test_one_seed_orders_nothing_where_a_value_is_published_and_ranks_decide_where_none_is():
    one = scores((0.0,), (0.3,))
    rows, won = compared(one, 0)
    assert won == 0 and set(rows[1]["gain"]["gain"]) == {"mean"}
    assert compared(one, None)[1] == 1


def test_a_search_has_the_seeds_of_its_scale_and_one_where_none_are_named():
    without = load("workstation")
    spec = without.suite("scratch")
    size = spec.size.model_copy(update={"search_seeds": (100, 101)})
    size._written = {**spec.size.written(), "search_seeds": [100, 101]}
    assert as_suite(without.tuning, dataclasses.replace(spec, size=size)).size.seeds == (100, 101)
    assert as_suite(without.tuning, spec).size.seeds == (100,)


def test_the_table_of_the_search_shows_its_uncertainty(tmp_path):
    benchmark = load("workstation")
    rows = [
        {"step_rms": value, "mean_rank": 2.0, "fd_heldout": {"ddim-nfe5": 1.0}} | gain
        for value, gain in zip(
            benchmark.tuning.search["scratch"].constants("at")["step_rms"],
            ({"gain": {"mean": 0.1, "low": -0.05, "high": 0.2}}, {}, {}, {}),
        )
    ]
    record = {"suite": "scratch", "metric": "fd_heldout", "seed": 100, "seeds": [100, 101], "methods": {"at": rows}}
    record |= {"winners": {"at": {"step_rms": rows[1]["step_rms"]}}, "configs": {}}
    write_record(tmp_path / "tuning/scratch.json", record)
    table = tuning_table.table(Sheet(benchmark, tmp_path, pd.DataFrame(), []))
    text = table.text(render.MARKDOWN)
    assert text.iloc[0].tolist() == ["2.00", f"+10 % [{render.MINUS}5.0, +20]", ""]
    assert text.iloc[1].tolist() == ["2.00", "—", "published, chosen"] and "2 seeds" in text.index[0][0]


def test_mean_ranks_count_wins_not_sizes():
    # The second candidate loses one cell by far and wins two narrowly.
    assert mean_ranks([[1.0, 5.0, 5.0], [100.0, 4.9, 4.9]]) == pytest.approx([5 / 3, 4 / 3])
    assert mean_ranks([[1.0], [1.0]]) == [1.0, 1.0]


RATES = [0.0005, 0.001, 0.002, 0.004]
STEPS = [0.0006, 0.0018, 0.006, 0.018]
FACTORS = [0.25, 0.5, 1, 2]


def searching(experiments):
    """The scale ci, whose search is of one seed, with a step and a learning rate of their own for ADM-AT."""
    methods = {"adm": {"learning_rate": RATES}, "at": {"step_rms": STEPS, "learning_rate_factor": FACTORS}}
    published = {"at": {"step_rms": 0.0018, "learning_rate_factor": 1}}
    spoil(experiments / "tuning.yaml", "search", "scratch", "methods", methods)
    spoil(experiments / "tuning.yaml", "search", "scratch", "published", published)
    return load("ci")


def test_constants_of_one_method_are_searched_one_at_a_time_with_the_others_as_they_stand(experiments):
    ci = searching(experiments)
    runs = {run.address.method: run.recipe for run in ci.suite("tune-scratch").runs()}
    assert sorted(runs) == [f"adm-c{i}" for i in range(4)] + [f"at-c{i}" for i in range(8)]
    stands = ci.suite("scratch").run("at", 0).recipe
    found = [(runs[f"at-c{i}"].perturbation.step_rms, runs[f"at-c{i}"].learning_rate) for i in range(8)]
    rate, step = stands.learning_rate, stands.perturbation.step_rms
    assert sorted(found) == sorted([(value, rate) for value in STEPS] + [(step, rate * value) for value in FACTORS])


def test_a_search_names_a_winner_for_each_constant(experiments, monkeypatch):
    ci = searching(experiments)
    better = {"step_rms": 0.0006}, {"learning_rate_factor": 2}, {"learning_rate": 0.004}
    tried = {method: candidates(ci.tuning, "scratch", method) for method in ("adm", "at")}
    best = [name for named in tried.values() for name, value in named.items() if value in better]
    monkeypatch.setattr(tune, "_measured", lambda runs, name, metric: {100: {"a": 1.0 if name in best else 2.0}})
    written = {}
    monkeypatch.setattr(tune, "write_record", lambda path, record: written.update(record))
    tune.choose(ci.suite("tune-scratch"))
    # One seed shows no value better than the published one; where none is published, the best rank wins.
    expected = {"adm": {"learning_rate": 0.004}, "at": {"step_rms": 0.0018, "learning_rate_factor": 1}}
    assert len(best) == 3 and written["winners"] == expected
    gains = {row["step_rms"]: row.get("gain", {}).get("mean") for row in written["methods"]["at"] if "step_rms" in row}
    assert gains == {0.0006: pytest.approx(0.5), 0.0018: None, 0.006: 0, 0.018: 0}


def test_a_factor_of_the_search_holds_for_a_method_and_for_those_that_extend_it(experiments):
    names = ("adm", "at", "at-random")
    before = {name: load("ci").suite("scratch").run(name, 0).recipe.learning_rate for name in names}
    for scale in ("workstation", "ci"):
        spoil(experiments / f"scales/{scale}.yaml", "tuned", "scratch", "at", "learning_rate_factor", 0.5)
    load.cache_clear()
    after = {name: load("ci").suite("scratch").run(name, 0).recipe.learning_rate for name in names}
    assert len(set(before.values())) == 1
    assert after == before | {name: before[name] / 2 for name in ("at", "at-random")}


def test_of_factors_one_is_published_unless_it_is_said_otherwise(experiments):
    search = searching(experiments).tuning.search["scratch"]
    assert search.to_beat("at") == {"step_rms": 0.0018, "learning_rate_factor": 1} and search.to_beat("adm") == {}
    spoil(experiments / "tuning.yaml", "search", "scratch", "published", {"at": {"learning_rate_factor": 0.5}})
    load.cache_clear()
    assert load("ci").tuning.search["scratch"].to_beat("at") == {"learning_rate_factor": 0.5}


@pytest.mark.parametrize("file", ["tuning.yaml", "scales/ci.yaml"])
def test_a_factor_on_the_baselines_own_rate_is_refused(experiments, file):
    if file == "tuning.yaml":
        spoil(experiments / file, "search", "scratch", "methods", {"adm": {"learning_rate_factor": FACTORS}})
        spoil(experiments / file, "search", "scratch", "published", {})
    else:
        spoil(experiments / "scales/workstation.yaml", "tuned", "scratch", "adm", "learning_rate_factor", 2)
    message = refusal(lambda: load("ci"))
    assert "scratch" in message and message.endswith("adm.learning_rate_factor: adm is what factors act on")


@pytest.mark.parametrize(
    "published", [{"at": {"step_rms": 0.002}}, {"at": {"gamma": 0.1}}, {"ip": {"step_rms": 0.0018}}]
)
def test_a_published_value_is_one_of_the_candidates(experiments, published):
    searching(experiments)
    spoil(experiments / "tuning.yaml", "search", "scratch", "published", published)
    load.cache_clear()
    assert "is none of its candidates" in refusal(lambda: load("ci"))
