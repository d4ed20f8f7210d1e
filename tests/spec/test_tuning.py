"""The constants in use are the winners of the committed search."""

import json

import pytest

from atbench.spec.address import RELEASED
from atbench.spec.load import load
from atbench.spec.yaml import EXPERIMENTS
from atbench.tasks.tune import mean_ranks

RELEASES = EXPERIMENTS.parent / RELEASED
SEARCHED = sorted(load("laptop").tuning.search)


def committed(suite):
    return json.loads((RELEASES / f"laptop/tuning/{suite}.json").read_text())


@pytest.mark.parametrize("scale", ["laptop", "workstation"])
def test_tuned_constants_are_the_winners_of_the_committed_search(scale):
    benchmark = load(scale)
    for suite, searched in benchmark.tuning.suites.items():
        assert benchmark.file.written()["tuned"][suite] == committed(searched)["winners"]


@pytest.mark.parametrize("suite", SEARCHED)
def test_the_committed_search_is_of_the_present_configuration(suite):
    runs = load("laptop").under(1).suite(f"tune-{suite}").runs()  # searched under protocol 1
    assert committed(suite)["configs"] == {run.address.method: run.digest for run in runs}


@pytest.mark.parametrize("suite", SEARCHED)
def test_winners_have_the_lowest_mean_rank_and_every_method_as_many_candidates(suite):
    record = committed(suite)
    assert set(record["methods"]) == set(load("laptop").tuning.search[suite].methods)
    for method, rows in record["methods"].items():
        assert len(rows) == 4
        (key, value), *_ = record["winners"][method].items()
        assert value == min(rows, key=lambda row: row["mean_rank"])[key]


def test_mean_ranks_count_wins_not_sizes():
    # The second candidate loses one cell by far and wins two narrowly.
    assert mean_ranks([[1.0, 5.0, 5.0], [100.0, 4.9, 4.9]]) == pytest.approx([5 / 3, 4 / 3])
    assert mean_ranks([[1.0], [1.0]]) == [1.0, 1.0]
