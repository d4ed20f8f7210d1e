"""Families declared beforehand, verdicts that two distances have to share, and what the seeds can show."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from test_claims import ABOUT, BENCHMARK, FEW_STEPS, frame_of, grid

from atbench.judgement import claims, statistics
from atbench.judgement.comparisons import comparisons, of_families
from atbench.judgement.families import correct, sizes
from atbench.judgement.power import power
from atbench.judgement.variance import components
from atbench.report import power_table, render, verdict_table
from atbench.spec.address import FINAL
from atbench.spec.load import load
from atbench.spec.metrics import metric_label, tabulated
from atbench.spec.models.evidence import Claim

PRIMARY = {"family": {"name": "primary", "pilot_std": 0.3}, "judged": "together", "samplers": ["ddim", "iddpm"]}


def with_claims(leads="fd", **changes):
    """The benchmark with claims like few-steps but for their changes, where a distance leads."""
    written = {name: FEW_STEPS.written() | changed for name, changed in changes.items()}
    found = {name: Claim.model_validate(claim) for name, claim in written.items()}
    file = BENCHMARK.file.model_copy(update={"leads": leads})
    return dataclasses.replace(BENCHMARK, claims=found, file=file)


def judged(benchmark, frame, suites=("scratch",)):
    return claims.judge(benchmark, frame, list(suites))


# Families.


def test_a_suite_more_moves_no_primary_p():
    both = with_claims(main=PRIMARY, other={}, more={"suites": ["class-conditional"]})
    one, two = (grid(suites).copy() for suites in (("scratch",), ("scratch", "class-conditional")))
    rng = np.random.default_rng(0)
    noise = {axes: rng.normal(0, 0.1) for axes in zip(two.suite, two.method, two.seed, two.sampler, two.step, two.nfe)}
    frames = []
    for frame in (one, two):
        keys = zip(frame.suite, frame.method, frame.seed, frame.sampler, frame.step, frame.nfe)
        luck = np.array([noise[key] for key in keys])
        frames.append(frame.assign(fd=frame.fd_base * np.exp(luck - 0.1 * (frame.method == "at"))))
    tables = [judged(both, frames[0]), judged(both, frames[1], ("scratch", "class-conditional"))]
    keys = ["gain", "p", "p_corrected", "p_margin_corrected", "tests", "verdict"]
    primary, secondary = (
        [table[(table.suite == "scratch") & own(table)] for table in tables]
        for own in (
            lambda table: table.family == "primary",
            lambda table: table.family == "",
        )
    )
    pd.testing.assert_frame_equal(primary[0][keys], primary[1][keys])
    assert (secondary[0].tests.iloc[0], secondary[1].tests.iloc[0]) == (8, 16)


def test_the_family_counts_the_tests_that_are_declared_made_or_not():
    benchmark = with_claims(main=PRIMARY, other={})
    assert sizes(benchmark) == {"primary": 4}  # two suites, two budgets; finetune has no results here
    table = judged(benchmark, frame_of(0.2 + 0.05 * ABOUT))
    main = table[(table.family == "primary") & (table.suite == "scratch")]
    assert set(main.tests) == {4} and np.allclose(main.p_corrected, [4 * main.p.iloc[0], 4 * main.p.iloc[1]])


def test_the_first_claims_are_one_family_of_primary_tests():
    benchmark = load("laptop")
    names = [name for name, claim in benchmark.claims.items() if claim.family]
    assert names == list(benchmark.claims)[: len(names)] and sizes(benchmark) == {"primary": 2 * len(names)}
    assert {benchmark.claims[name].method for name in names} == {"at-mid"}


def test_where_its_methods_are_not_trained_nobody_misses_a_family():
    without = load("workstation")
    assert of_families(without, list(without.suites)) == []
    made = judged(dataclasses.replace(without), frame_of(0.1))
    assert "family" not in made and not any(name.startswith("against-") for name in made.claim)


def test_holm_within_a_family_by_hand():
    rows = [
        {"family": family, "seeds": 5, "p": p, "p_margin": 1.0} for family, p in [("a", 0.01), ("", 0.02), ("a", 0.03)]
    ]
    correct(rows, {"a": 3}, 5)
    assert [row["p_corrected"] for row in rows] == pytest.approx([0.03, 0.02, 0.06])
    assert [row["tests"] for row in rows] == [3, 1, 3]


def test_the_table_says_what_is_primary_and_what_is_secondary():
    benchmark = with_claims(main=PRIMARY, other={"samplers": ["es"]})
    frame = frame_of(0.2 + 0.01 * ABOUT)
    table = verdict_table.table(benchmark, frame, judged(benchmark, frame))
    names = [claim for claim, _ in table.text(render.MARKDOWN).index]
    assert names[0].endswith("; primary") and names[-1].endswith("; secondary")
    assert "the primary family has 4 tests" in table.caption and "for the 2 comparisons" in table.caption


# Two distances.


def both_distances(by_heldout, by_training):
    """A frame in which AT is ahead by exp(gain) of each distance."""
    ours, theirs = frame_of(by_heldout), frame_of(by_training)
    return theirs.assign(fd_heldout=ours.fd)


ONE = {"suites": ["scratch"], "samplers": ["ddim"], "against": {"batches": "adm"}}


@pytest.mark.parametrize(
    ("by_heldout", "by_training", "verdict"),
    [
        (0.2 + 0.01 * ABOUT, 0.3 + 0.01 * ABOUT, "supported"),
        (-0.2 + 0.01 * ABOUT, -0.3 + 0.01 * ABOUT, "not supported"),
        (0.2 + 0.01 * ABOUT, -0.2 + 0.01 * ABOUT, "inconclusive"),  # copies less, and is punished for it
        (0.1 + 0.2 * ABOUT, 0.2 + 0.01 * ABOUT, "inconclusive"),  # copies more, and is rewarded
        (0.1 + 0.2 * ABOUT, 0.1 + 0.2 * ABOUT, "inconclusive"),
    ],
)
def test_a_verdict_has_to_stand_by_both_distances(by_heldout, by_training, verdict):
    [row] = judged(with_claims("fd_heldout", one=ONE), both_distances(by_heldout, by_training)).to_dict("records")
    assert (row["metric"], row["verdict"]) == ("fd_heldout", verdict)
    assert row["gain"] == pytest.approx(1 - math.exp(-np.mean(by_heldout)))
    assert row["beside_gain"] == pytest.approx(1 - math.exp(-np.mean(by_training)))
    shared = "by held-out images" not in row["note"]
    assert shared == (np.sign(np.mean(by_heldout)) == np.sign(np.mean(by_training)) and row["beside"] == verdict)


def test_where_training_images_lead_all_is_as_it_was():
    frame = both_distances(0.2 + 0.01 * ABOUT, -0.2 + 0.01 * ABOUT)
    [row] = judged(with_claims(one=ONE), frame).to_dict("records")
    assert (row["metric"], row["verdict"]) == ("fd", "not supported") and "beside" not in row


def test_the_table_names_the_distance_that_leads():
    benchmark, frame = with_claims("fd_heldout", one=ONE), both_distances(0.2 + 0.01 * ABOUT, -0.2 + 0.01 * ABOUT)
    table = verdict_table.table(benchmark, frame, judged(benchmark, frame))
    text = table.text(render.MARKDOWN).iloc[0]["Equal batches"]
    assert "supported by held-out images, not supported by training images" in text and text.startswith("inconclusive")
    assert "FD-digits to held-out images" in table.caption


def test_the_leading_distance_has_the_first_table():
    suite = load("workstation").suite("scratch")
    assert tabulated(suite)[0] == "fd" and "fd_heldout" not in tabulated(suite)
    leading = tabulated(dataclasses.replace(suite, leads="fd_heldout"))
    assert leading[:2] == ["fd_heldout", "fd"]
    assert metric_label("fd_heldout", "digits-cnn") == "FD-digits to held-out images"


# A margin above a floor.


def test_a_margin_above_a_floor_is_a_share_of_what_lies_above_it():
    margin = {"relative": 0.5, "above": "kid"}  # kid stands in for a floor of 90 %
    frame = frame_of(0.04 + 0.001 * ABOUT)
    [row] = judged(with_claims(one=ONE | {"margin": margin}), frame.assign(kid=0.9 * frame.fd_base)).to_dict("records")
    assert row["margin"] == pytest.approx(0.05) and row["verdict"] == "supported"
    [row] = judged(
        with_claims(one=ONE | {"margin": margin}), frame_of(-0.1 + 0.001 * ABOUT).assign(kid=0.9 * frame.fd_base)
    ).to_dict("records")
    assert row["verdict"] == "not supported"


# What seeds can show.


def test_a_seed_that_alone_makes_the_verdict_is_named():
    benchmark = with_claims(main=PRIMARY | ONE)
    gains = np.array([0.20, 0.21, 0.19, 0.20, 0.21, 0.20])
    found = power(benchmark, frame_of(gains, seeds=6), ["scratch"]).iloc[0]
    assert found.verdict == "supported" and found.changes == ""
    assert found.without_low < found.gain < found.without_high
    gains[3] = -0.2
    found = power(benchmark, frame_of(gains, seeds=6), ["scratch"]).iloc[0]
    assert found.verdict == "inconclusive" and found.changes == "3"


def test_power_is_predicted_from_the_pilot_and_achieved_by_what_was_seen():
    benchmark = with_claims(main=PRIMARY | ONE)
    table = power_table.table(benchmark, frame_of(0.2 + 0.05 * ABOUT), ["scratch"])
    row = table.numbers.iloc[0]
    assert row["std"] == pytest.approx(0.05 * np.std(ABOUT, ddof=1)) and row.planned_seeds == 5
    predicted = statistics.detectable(0.3, 5, 0.05)
    assert row.predicted == pytest.approx(1 - math.exp(-predicted))
    achieved = statistics.detectable(row["std"], 5, 0.05)
    assert row.detectable == pytest.approx(1 - math.exp(-achieved))
    [line] = table.text(render.MARKDOWN).to_dict("records")
    assert line["Spread: pilot, seen"] == f"0.30, {row['std']:.2f}" and "(5 of 5 seeds)" in line["Verdict"]


def test_components_of_variance_are_told_apart():
    rng = np.random.default_rng(0)
    suite = load("workstation").suite("scratch")
    frame = grid(seeds=400)
    frame = frame[(frame.step == FINAL) & (frame.nfe == 5) & (frame.sampler == "ddim")].copy()
    frame["fd"] = 10 * np.exp(rng.normal(0, 0.05, len(frame)) + rng.normal(0, 0.03, len(frame)))
    frame = frame.assign(fd_se=10 * 0.03, scale="workstation")
    found = components(suite, frame).set_index("method").loc["adm"]
    assert found.total == pytest.approx(math.hypot(0.05, 0.03), rel=0.1) and found.sampling == pytest.approx(
        0.03, rel=0.02
    )
    assert found.training == pytest.approx(0.05, rel=0.15) and (found.cells, found.seeds) == (1, 400)


def test_every_comparison_of_a_family_stands_at_a_scale_that_trains_its_methods():
    benchmark = with_claims(main=PRIMARY)
    assert [each.suite for each in of_families(benchmark, ["scratch"])] == [
        "scratch",
        "scratch",
        "finetune",
        "finetune",
    ]
    assert len(comparisons(benchmark, ["scratch"])) == 4 and of_families(benchmark, ["consistency"]) == []
