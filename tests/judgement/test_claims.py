"""Claims: refusals, statistics against scipy, verdicts on constructed numbers, error rates on simulated benchmarks."""

import dataclasses
import math
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from atbench.judgement import claims, statistics
from atbench.judgement.comparisons import comparisons
from atbench.reading import tidy
from atbench.report import render, verdict_table
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL
from atbench.spec.load import load
from atbench.spec.models.evidence import Claim

# Statistics.

FIVE = [0.11, 0.05, 0.14, 0.09, 0.02]


def test_interval_and_p_are_those_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    method, baseline = rng.normal(size=5), rng.normal(size=5)
    theirs = stats.ttest_rel(method, baseline)
    mean, std, n, low, high = statistics.interval(method - baseline)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    p = min(statistics.p_above(mean, std, n, 0), statistics.p_below(mean, std, n, 0))
    assert p == pytest.approx(theirs.pvalue)
    one_sided = stats.ttest_1samp(FIVE, 0.05, alternative="greater").pvalue
    mean, std, n, *_ = statistics.interval(FIVE)
    assert statistics.p_above(mean, std, n, 0.05) == pytest.approx(2 * one_sided)
    assert statistics.p_below(mean, std, n, 0.05) == 1.0


def test_holm_by_hand_and_in_any_order():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.5, 0.001, 0.02, 0.9]) == pytest.approx([1.0, 0.004, 0.06, 1.0])
    assert statistics.holm([]) == []


def test_effect_size_has_the_small_sample_factor():
    mean, std, n, *_ = statistics.interval(FIVE)
    assert statistics.hedges(mean, std, n) == pytest.approx(mean / std * 0.797885, rel=1e-5)  # J(4) = sqrt(2 / pi)
    assert math.isnan(statistics.hedges(1, 1, 2)) and math.isnan(statistics.hedges(1, 0, 5))


def test_power_seed_count_and_detectable_difference_against_scipy():
    effect, std, level = 0.5, 1.0, 0.05

    def theirs(n):
        return stats.nct.sf(stats.t.ppf(1 - level / 2, n - 1), n - 1, effect / std * math.sqrt(n))

    needed = statistics.seeds_needed(effect, std, level, 5)
    assert theirs(needed) >= 0.8 > theirs(needed - 1) and needed == 34  # Cohen's d_z 0.5 at 80 %: the textbook's 34
    assert statistics.seeds_needed(3.0, 1.0, 0.05, 5) == 5  # never below the fewest that are judged
    assert statistics.seeds_needed(1e-6, 1.0, 0.05, 5) == statistics.seeds_needed(-1.0, 1.0, 0.05, 5) == math.inf
    assert statistics.power(statistics.detectable(2.0, 7, 0.01), 2.0, 7, 0.01) == pytest.approx(0.8)
    assert all(0 <= statistics.power(2.49, 1, n, 0.05 / 37) <= 1 for n in range(5, 1001))  # no stray NaN


def test_one_value_and_no_spread():
    mean, _, n, low, _ = statistics.interval([2.0])
    assert (mean, n) == (2.0, 1) and math.isnan(low)
    assert math.isnan(statistics.p_above(2.0, math.nan, 1, 0)) and math.isnan(statistics.detectable(math.nan, 1, 0.05))
    assert statistics.p_above(0.1, 0.0, 5, 0) == 0.0 and statistics.p_above(0.0, 0.0, 5, 0) == 1.0


# Verdicts on constructed numbers: one claim, AT against ADM with DDIM, gains per seed as log ratios.

BENCHMARK = load("workstation")
FEW_STEPS = BENCHMARK.claims["few-steps"]
ONE = {"suites": ["scratch"], "samplers": ["ddim"], "against": {"batches": "adm"}}  # of few-steps
ABOUT = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])  # a spread of 1.1 around zero


def with_claims(**changes):
    """The benchmark with claims that are like few-steps but for their changes."""
    written = {name: FEW_STEPS.written() | changed for name, changed in changes.items()}
    return dataclasses.replace(BENCHMARK, claims={name: Claim.model_validate(claim) for name, claim in written.items()})


@cache
def grid(suites=("scratch",), seeds=5):
    """The declared cells as a tidy frame whose numbers are still to come."""
    cells = tidy.declared_cells(BENCHMARK, list(suites), list(range(seeds)))
    frame = pd.DataFrame([cell.address.axes for cell in cells])
    frame["fd_base"] = 10 + 20 / frame.nfe
    return frame.assign(status="done", off_grid=False, commit="c", reference=1000.0)


def frame_of(gains, seeds=5, **of_sampler):
    """A frame in which AT is ahead of all others by exp(gain) for each seed, by another gain with named samplers."""
    frame = grid(seeds=seeds).copy()
    gain = np.broadcast_to(gains, seeds)[frame.seed]
    for sampler, other in of_sampler.items():
        gain = np.where(frame.sampler == sampler, np.broadcast_to(other, seeds)[frame.seed], gain)
    return frame.assign(fd=frame.fd_base * np.exp(np.where(frame.method == "at", -gain, 0)))


def verdict(frame, **changes):
    """The only row of the table when ``ONE``, so changed, is the only claim."""
    [row] = claims.judge(with_claims(one=ONE | changes), frame, ["scratch"]).to_dict("records")
    return row


@pytest.mark.parametrize(
    ("gains", "changes", "expected", "note"),
    [
        (0.2 + 0.01 * ABOUT, {}, "supported", ""),
        (0.02 + 0.002 * ABOUT, {}, "supported", "below the margin"),
        (-0.02 + 0.01 * ABOUT, {}, "not supported", ""),
        (0.1 + 0.2 * ABOUT, {}, "inconclusive", ""),
        (-0.01 + 0.01 * ABOUT, {"test": "no-loss"}, "supported", ""),
        (-0.2 + 0.01 * ABOUT, {"test": "no-loss"}, "not supported", ""),
        (-0.05 + 0.01 * ABOUT, {"test": "no-loss"}, "inconclusive", ""),
        (-0.2 + 0.01 * ABOUT, {"better": "higher"}, "supported", ""),
        (0.2 + 0.01 * ABOUT, {"margin": {"absolute": 0.1}}, "supported", ""),
    ],
)
def test_verdicts_follow_their_definition(gains, changes, expected, note):
    row = verdict(frame_of(gains), **changes)
    assert (row["verdict"], row["note"], row["seeds"], row["tests"]) == (expected, note, 5, 1)
    assert row["low"] <= row["gain"] <= row["high"] and row["nfe"] == "5 8 10 20"


def test_numbers_of_a_row_are_the_t_test_on_mean_log_ratios():
    rng = np.random.default_rng(1)
    frame = grid().assign(fd=rng.lognormal(1, 0.2, len(grid())))
    row = verdict(frame)
    few = frame[(frame.sampler == "ddim") & (frame.step == FINAL) & (frame.nfe <= 20)]
    logs = np.log(few.fd).groupby([few.method, few.seed]).mean()
    theirs = stats.ttest_rel(logs["adm"], logs["at"])
    low, high = theirs.confidence_interval(0.95)
    assert row["gain"] == pytest.approx(1 - math.exp(-(logs["adm"] - logs["at"]).mean()))
    assert (row["low"], row["high"]) == pytest.approx((1 - math.exp(-low), 1 - math.exp(-high)))
    assert row["p"] == pytest.approx(theirs.pvalue if theirs.statistic > 0 else 1.0)
    if row["verdict"] == "inconclusive":
        assert row["seeds_needed"] > 5


def test_a_distance_to_few_images_gets_no_verdict_and_an_unbiased_one_does():
    frame = frame_of(0.2 + 0.01 * ABOUT)
    few = frame.assign(reference=639.0, kid=frame.fd)
    assert verdict(frame.assign(reference=640.0))["verdict"] == "supported"
    row = verdict(few)
    assert row["verdict"] == "no results" and row["note"] == "FD-digits gets no verdict below 640 real images"
    assert verdict(few, metric="kid")["verdict"] == "supported"


def test_few_seeds_are_inconclusive_however_clear():
    four = verdict(frame_of(0.3 + 0.001 * ABOUT[:4], seeds=4))
    assert (four["verdict"], four["seeds"], four["seeds_needed"]) == ("inconclusive", 4, 5)
    one = verdict(frame_of(0.3, seeds=1))
    assert one["verdict"] == "inconclusive" and one["gain"] == pytest.approx(1 - math.exp(-0.3))
    assert math.isnan(one["low"]) and math.isnan(one["seeds_needed"])
    text = verdict_table.table(with_claims(one=ONE), frame_of(0.3, seeds=1), pd.DataFrame([one])).text(render.MARKDOWN)
    assert (
        text.iloc[0]["Equal batches"] == "inconclusive (1 seed): +26 %; a verdict takes 5 seeds or more"
        and text.iloc[0]["Equal updates"] == "—"
    )


@pytest.mark.parametrize("damage", ["missing", "stale", "nan", "off the grid", "row gone"])
def test_a_seed_that_lacks_a_cell_is_left_out(damage):
    frame = frame_of(0.2 + 0.01 * ABOUT)
    cell = (frame.method == "at") & (frame.seed == 2) & (frame.sampler == "ddim") & (frame.nfe == 8)
    assert cell.sum() == 1
    if damage in ("missing", "stale"):
        frame.loc[cell, ["status", "fd"]] = damage, 0.001
    elif damage == "nan":
        frame.loc[cell, "fd"] = math.nan
    elif damage == "off the grid":
        frame.loc[cell, "off_grid"] = True
    else:
        frame = frame[~cell]
    row = verdict(frame)
    assert (row["verdict"], row["seeds"], row["incomplete"]) == ("inconclusive", 4, 1)
    nothing = verdict(frame[frame.method != "at"])
    assert nothing["verdict"] == "no results" and nothing["note"] == "suite scratch has no complete seed"


def test_cells_of_a_seed_that_no_file_declares_change_no_verdict():
    frame = frame_of(0.2 + 0.01 * np.tile(ABOUT, 2)[:6], seeds=6)
    declared = frame[frame.seed < 5]
    for beside in (frame[frame.seed == 5], frame[frame.seed == 5].iloc[:1]):
        found = verdict(pd.concat([declared, beside.assign(off_grid=True)]))
        pd.testing.assert_series_equal(pd.Series(found), pd.Series(verdict(declared)))


@pytest.mark.parametrize("gain", [0.2, -0.2])
def test_before_the_last_declared_seed_there_is_no_verdict_however_clear(gain):
    frame = frame_of(gain + 0.01 * np.tile(ABOUT, 2)[:7], seeds=7)
    to_come = frame.seed >= 5
    assert verdict(frame)["verdict"] == verdict(frame[~to_come])["verdict"] != "inconclusive"
    frame.loc[to_come, "status"] = "missing"
    row = verdict(frame)
    assert (row["verdict"], row["seeds"], row["incomplete"]) == ("inconclusive", 5, 2)
    assert row["note"] == "interim, 2 seeds are still to come"
    assert min(row["p_corrected"], row["p_margin_corrected"]) < 0.05  # with which there would be one
    frame.loc[frame.seed == 5, "status"] = "done"
    assert verdict(frame)["note"] == "interim, 1 seed is still to come"


def test_every_sampler_is_as_strong_as_the_weakest():
    every = {"samplers": FEW_STEPS.written()["samplers"], "judged": "every"}
    assert verdict(frame_of(0.2 + 0.01 * ABOUT), **every)["verdict"] == "supported"
    row = verdict(frame_of(0.2 + 0.01 * ABOUT, es=-0.2 + 0.01 * ABOUT), **every)
    assert (row["verdict"], row["decisive"]) == ("not supported", "es") and row["gain"] < 0
    row = verdict(frame_of(0.2 + 0.01 * ABOUT, es=0.2 + 0.4 * ABOUT), **every)
    assert (row["verdict"], row["decisive"]) == ("inconclusive", "es")


def test_curves_meet_at_equal_budgets():
    found = {c.budget: c.pairs for c in comparisons(BENCHMARK, ["scratch"]) if c.claim == "convergence"}
    same = [(("at", step, "ddim", 50), ("adm", step, "ddim", 50)) for step in ("0001500", "0003000", "0004500", FINAL)]
    assert found["batches"] == same  # AT makes three updates a batch: 1,500 batches meet 4,500 updates of ADM
    steps = [(ours[1], *theirs[:2]) for ours, theirs in found["updates"]]
    assert ("0001500", "adm", "0004500") in steps and (FINAL, "adm-3x", FINAL) in steps


def test_what_cannot_be_tested_says_why():
    reasons = {c.claim: c.gap for c in comparisons(BENCHMARK, ["scratch"])}
    assert reasons["free"] == "suite ablations is not part of this report"
    assert reasons["consistency"] == "suite consistency is not part of this report"
    small = {c.claim: c.gap for c in comparisons(load("ci"), ["scratch", "finetune", "class-conditional"])}
    assert small["many-steps"] == "suite class-conditional has no such cells of IDDPM, DDIM, ES, DPM-Solver at scale ci"
    night = {c.claim: c.gap for c in comparisons(load("gpu"), [])}
    assert night["free"] == "scale gpu has no suite ablations"


def test_wrong_budgets_and_ratios_of_nothing_are_refused():
    with pytest.raises(UserError, match=r"claims.one.against.updates: adm has 6,000 and at 18,000"):
        verdict(frame_of(0.1), against={"updates": "adm"})
    with pytest.raises(UserError, match=r"claims.one.margin: fd is not always positive"):
        verdict(frame_of(0.1).assign(fd=0.0))


@pytest.mark.parametrize("scale", ["ci", "laptop", "workstation", "tour", "paper"])
def test_every_claim_has_the_budgets_it_says_at_every_scale(scale):
    benchmark = load(scale)
    assert len(comparisons(benchmark, benchmark.suites)) > 40


# Simulated benchmarks, tidy frame in and verdicts out: per-sampler claims of two suites, 16 comparisons.

RUNS, RUN_STD, CELL_STD = 200, 0.05, 0.03  # the luck of a run with a sampler, the noise of a cell: of log distances
SAMPLED = ("scratch", "finetune")


def simulated(effect, only=None):
    """Verdicts on RUNS benchmarks in which AT is ahead by exp(effect) everywhere, or with ``only`` (suite, sampler)."""
    benchmark = with_claims(few={})
    compared, rng = comparisons(benchmark, list(SAMPLED)), np.random.default_rng(0)
    frame = grid(SAMPLED)
    frame = frame[(frame.step == FINAL) & (frame.nfe <= 20)].copy()
    luck = frame.groupby(["suite", "method", "seed", "sampler"]).ngroup()
    better = frame.method == "at"
    if only is not None:
        better &= (frame.suite == only[0]) & (frame.sampler == only[1])
    for _ in range(RUNS):
        noise = rng.normal(0, RUN_STD, luck.max() + 1)[luck] + rng.normal(0, CELL_STD, len(frame))
        frame["fd"] = frame.fd_base * np.exp(noise - effect * better)
        yield claims.verdicts(benchmark, compared, frame)


@pytest.mark.parametrize(("effect", "wrong"), [(0.0, "supported"), (-math.log(0.95), "not supported")])
def test_false_verdicts_are_as_rare_as_stated(effect, wrong):
    """No gain, or one exactly as large as the margin: at most 5 % of tables may hold a single wrong verdict."""
    tables = [table.verdict.eq(wrong).any() for table in simulated(effect)]
    assert len(tables) == RUNS and sum(tables) <= stats.binom.ppf(0.999, RUNS, 0.05)


def test_power_is_as_stated():
    """A gain that five seeds detect with 80 % power at the level of 16 comparisons."""
    std = math.sqrt(2 * (RUN_STD**2 + CELL_STD**2 / 4))  # of a difference of two means over four cells
    effect = statistics.detectable(std, 5, statistics.LEVEL / 16)
    found = []
    for table in simulated(effect, only=("scratch", "ddim")):
        row = table[(table.suite == "scratch") & (table.samplers == "ddim") & (table.budget == "batches")].iloc[0]
        assert row.tests == 16
        found.append(row.verdict == "supported")
    low, high = stats.binom.ppf([0.001, 0.999], RUNS, statistics.POWER) / RUNS
    assert low <= np.mean(found) <= high + 0.03  # Holm's later steps are a little less strict than the first
