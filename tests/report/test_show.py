"""What `atbench show` says of a cell beyond its own numbers: its gain over the baseline, and the verdicts about it."""

import math

import pandas as pd
import pytest
from checkout import REPOSITORY

from atbench.judgement import standing
from atbench.reading.tidy import collect
from atbench.reading.tree import of_its_time
from atbench.report.show import show
from atbench.runtime.errors import UserError
from atbench.spec.load import load

RELEASED = REPOSITORY / "results/released"
JUDGED = "scratch/{}/seed0/final/ddim-nfe10.json"


@pytest.fixture(autouse=True)
def clone(tmp_path, monkeypatch):
    """The current folder holds the released results, and nothing else."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results/released").symlink_to(RELEASED)
    monkeypatch.chdir(tmp_path)


def test_verdicts_are_those_of_the_table_of_claims():
    found = show(f"results/workstation/{JUDGED.format('at')}").value
    table = pd.read_csv(RELEASED / "workstation/tables/claims.csv")
    table = table[(table.suite == "scratch") & (table.method == "at") & (table.metric == "fd") & table.gain.notna()]
    about = table[table.samplers.str.contains("ddim") & table.nfe.str.split().map(lambda nfe: "10" in nfe)]
    about = about[~about.claim.str.startswith("convergence")]  # of steps before the last one too
    assert len(found["verdicts"]) == len(about) >= 5
    for row, listed in zip(about.itertuples(), found["verdicts"]):
        assert (row.claim, row.budget, row.verdict) == (listed["claim"], listed["budget"], listed["verdict"])
        assert [listed[key] for key in ("gain", "low", "high")] == pytest.approx([row.gain, row.low, row.high])
    assert found["no_verdict"] is None


def test_the_gain_at_a_point_is_the_mean_log_ratio_over_seeds():
    found = show(f"results/workstation/{JUDGED.format('at')}").value["gain"]
    root = RELEASED / "workstation"
    frame = collect(of_its_time(load("workstation"), root), root, ["scratch"])
    cells = frame[(frame.step == "final") & (frame.sampler == "ddim") & (frame.nfe == 10)]
    fd = cells.pivot(index="seed", columns="method", values="fd")
    logs = [math.log(at / adm) for at, adm in zip(fd["at"], fd["adm"])]
    assert found["seeds"] == len(logs) == 5 and found["over"] == "ADM"
    assert found["gain"] == pytest.approx(1 - math.exp(sum(logs) / 5))
    assert found["low"] < found["gain"] < found["high"]


def test_one_seed_has_a_gain_without_an_interval_and_no_number_of_seeds():
    listed = show(f"results/tour/{JUDGED.format('at')}")
    gain, verdicts = listed.value["gain"], listed.value["verdicts"]
    assert (gain["seeds"], gain["low"], gain["high"]) == (1, None, None)
    assert {(row["verdict"], row["seeds_needed"]) for row in verdicts} == {("inconclusive", None)}
    assert "% of its distance, from one seed, hence no interval" in str(listed)
    assert "a verdict takes 5 seeds or more" in str(listed)


def test_the_baseline_and_a_method_without_a_claim_say_why_there_is_no_verdict():
    of_baseline = show(f"results/tour/{JUDGED.format('adm')}").value
    assert (of_baseline["gain"], of_baseline["verdicts"]) == (None, [])
    assert of_baseline["no_verdict"] == "ADM is what others are compared with"
    without = show(f"results/tour/{JUDGED.format('ip')}")
    assert without.value["gain"]["seeds"] == 1 and "no claim of experiments/claims.yaml is about ADM-IP" in str(without)


def test_a_claim_that_cannot_be_judged_leaves_the_cell_to_be_shown(monkeypatch):
    def refuse(cell, sheet):
        raise UserError("claims.one.margin: fd is not always positive: make it absolute")

    monkeypatch.setattr(standing, "verdicts", refuse)
    listed = show(f"results/tour/{JUDGED.format('at')}")
    assert (
        "no verdict: claims.one.margin: fd is not always positive" in str(listed) and listed.value["metrics"]["fd"] > 0
    )
