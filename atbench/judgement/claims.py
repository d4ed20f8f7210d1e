"""Verdicts on the claims of claims.yaml, from paired differences between methods of one seed.

**Numbers.** The two methods of a seed share data order, noise and latents, so only their difference is looked at. In a
claim a seed gives one number, the mean of its differences over the claim's cells: cells of one run share its luck
and are no independent evidence. A seed that lacks any of these cells is left out, or seeds would average other cells.

A claim with a relative margin works on log ratios of the metric: a distance is positive, its spread grows with its size
(FD-digits of ADM with IDDPM: 4.74 +- 0.70 at 5 evaluations, 1.56 +- 0.49 at 50), a margin in per cent means the same at
both, large distances at few steps do not drown the rest, and exchanging the methods changes the sign only. An absolute
margin works on plain differences. Gains are positive in the claimed direction.

**Verdicts.** Two t-tests over seeds, each corrected by Holm for the number of comparisons with MIN_SEEDS seeds or more:

    supported       the gain is above the floor:      0, or for a claim of no loss minus the margin
    not supported   the gain is below what counts:    the margin, or for a claim of no loss minus the margin
    inconclusive    neither, and always below MIN_SEEDS seeds
    no results      no complete seed

so at most 5 % of such tables hold a false "supported", and at most 5 % a false "not supported" (in fact half of that,
see `statistics.p_above`). A claim may be supported with a gain below its margin; the note says so. A claim on every
sampler is as significant as its least significant sampler (intersection-union test, Berger 1982), and any sampler
refutes it, corrected for their number.
"""

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from atbench.judgement import statistics
from atbench.judgement.comparisons import Comparison, comparisons
from atbench.judgement.enough import too_few
from atbench.judgement.gains import Gains
from atbench.runtime.errors import UserError
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import distance_name, images_wanted
from atbench.spec.models.evidence import CURVE, GRID, Claim

MIN_SEEDS = 5
SUPPORTED, REFUTED, OPEN, NOTHING = VERDICTS = ("supported", "not supported", "inconclusive", "no results")
# Gains, interval and what is detectable: shares of the baseline's value (relative margin) or the metric's own unit.
LONG = ["claim", "suite", "samplers", "nfe", "metric", "budget", "method", "baseline", "unit", "margin", "verdict"]
LONG += ["seeds", "incomplete", "gain", "low", "high", "effect", "p", "p_corrected", "p_margin", "p_margin_corrected"]
LONG += ["tests", "seeds_needed", "detectable", "decisive", "note"]
Row = dict[str, Any]
Values = dict[tuple[Any, ...], float]  # (suite, seed, method, step, sampler, nfe) -> number


def judge(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str]) -> pd.DataFrame:
    """One row per comparison, columns LONG. ``frame`` comes from `points.collect` over ``suites``."""
    return verdicts(benchmark, comparisons(benchmark, suites), frame)


def verdicts(benchmark: Benchmark, compared: list[Comparison], frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `judge` for comparisons made before."""
    seeds = {suite: sorted(group.seed.unique()) for suite, group in frame.groupby("suite")}
    values: dict[str, Values] = {}
    rows = []
    for comparison in compared:
        claim = benchmark.claims[comparison.claim]
        comparison = _with_enough_images(benchmark, claim, comparison, frame)
        if claim.metric in frame and claim.metric not in values:
            values[claim.metric] = _values(frame, claim.metric)
        rows.append(_row(claim, comparison, values.get(claim.metric, {}), seeds.get(comparison.suite, [])))
    _correct(rows)
    for row in rows:
        _decide(benchmark.claims[row["claim"]], row)
    return pd.DataFrame(rows, columns=LONG)


def _with_enough_images(benchmark: Benchmark, claim: Claim, comparison: Comparison, frame: pd.DataFrame) -> Comparison:
    """The comparison, without what it would compare where a distance rests on too few images to be judged."""
    if not comparison.groups or claim.metric not in frame:
        return comparison
    extractor = benchmark.suite(comparison.suite).extractor
    if not too_few(frame[frame.suite == comparison.suite], extractor, claim.metric):
        return comparison
    wanted = f"{images_wanted(extractor):,} real images"
    return replace(comparison, groups={}, gap=f"{distance_name(extractor)} gets no verdict below {wanted}")


def gains_of(claim: Claim) -> Gains:
    """How the gains of a claim are counted."""
    return Gains(claim.better, claim.margin.unit)


def paired_gain(name: str, claim: Claim, ours: float, theirs: float) -> float:
    """The gain of one pair of cells on the scale of the tests. Raises UserError for a ratio of what is not positive."""
    if claim.margin.unit == "relative" and not (ours > 0 and theirs > 0):
        key = f"experiments/claims.yaml: claims.{name}.margin"
        raise UserError(f"{key}: {claim.metric} is not always positive: make it absolute")
    return gains_of(claim).of(ours, theirs)


def bounds(claim: Claim) -> tuple[float, float]:
    """On the scale of the tests: the gain above which a claim is supported, and the one below which it is not."""
    gains, margin = gains_of(claim), claim.margin.size
    if claim.test == "gain":
        return 0.0, gains.on_test_scale(margin)
    return (gains.on_test_scale(-margin),) * 2


def _values(frame: pd.DataFrame, metric: str) -> Values:
    """The numbers of declared cells that have one."""
    usable = frame[(frame.status == "done") & ~frame.off_grid & frame[metric].notna()]
    axes = ["suite", "seed", "method", "step", "sampler", "nfe"]
    return dict(zip(zip(*(usable[axis].tolist() for axis in axes)), usable[metric].tolist()))


def _row(claim: Claim, comparison: Comparison, values: Values, seeds: list[int]) -> Row:
    """Numbers of one comparison; verdict and corrections follow when all are known."""
    nfes = sorted({point[3] for pair in comparison.pairs for point in pair})
    row = dict.fromkeys(LONG, math.nan) | {
        "claim": comparison.claim,
        "suite": comparison.suite,
        "samplers": " ".join(comparison.samplers),
        "nfe": " ".join(map(str, nfes)),
        "metric": claim.metric,
        "budget": comparison.budget,
        "method": comparison.method,
        "baseline": comparison.baseline,
        "unit": claim.margin.unit,
        "margin": claim.margin.size,
        "seeds": 0,
        "incomplete": len(seeds) if comparison.groups else 0,
        "decisive": "",
        "note": comparison.gap,
    }
    gains = _seed_gains(claim, comparison, values, seeds)
    if not any(gains.values()):
        target = "" if claim.points in (GRID, CURVE) else f" (target {claim.points})"
        return row | {"note": comparison.gap or f"suite {comparison.suite} has no complete seed{target}"}
    return row | _test(claim, gains, len(seeds))


def _seed_gains(claim: Claim, comparison: Comparison, values: Values, seeds: list[int]) -> dict[str, list[float]]:
    """Group -> one gain per complete seed, on the scale of the tests (log ratios or differences)."""
    gains: dict[str, list[float]] = {group: [] for group in comparison.groups}
    for seed in seeds:
        found = [[values.get((comparison.suite, seed, *p)) for p in pair] for pair in comparison.pairs]
        if not any(None in pair for pair in found):
            rest = iter(found)
            for group, pairs in comparison.groups.items():
                differences = [paired_gain(comparison.claim, claim, *next(rest)) for _ in pairs]
                gains[group].append(sum(differences) / len(differences))
    return gains


def _test(claim: Claim, gains: dict[str, list[float]], declared: int) -> Row:
    """Both tests of a comparison, and the numbers of the group that decides: of the only one, or of one sampler."""
    floor, enough = bounds(claim)
    tested = {group: statistics.interval(numbers) for group, numbers in gains.items()}
    above = {group: statistics.p_above(mean, std, n, floor) for group, (mean, std, n, *_) in tested.items()}
    below = {group: statistics.p_below(mean, std, n, enough) for group, (mean, std, n, *_) in tested.items()}
    # Ties are broken by the smaller gain; so are p-values that are missing (one seed).
    decisive = max(tested, key=lambda group: (0 if math.isnan(above[group]) else above[group], -tested[group][0]))
    p, p_margin = above[decisive], min(below.values()) * len(below)
    if p_margin < statistics.LEVEL:
        decisive = min(below, key=below.get)
    mean, std, n, low, high = tested[decisive]
    return {
        "seeds": n,
        "incomplete": declared - n,
        "gain": mean,
        "std": std,
        "low": low,
        "high": high,
        "effect": statistics.hedges(mean, std, n),
        "p": p,
        "p_margin": min(1.0, p_margin) if n > 1 else math.nan,
        "decisive": decisive,
    }


def _correct(rows: list[Row]) -> None:
    """Holm over the comparisons that can get a verdict; the others are planned as if all results counted."""
    judged = [row for row in rows if row["seeds"] >= MIN_SEEDS]
    for key in ("p", "p_margin"):
        for row, corrected in zip(judged, statistics.holm([row[key] for row in judged])):
            row[f"{key}_corrected"] = corrected
    present = sum(row["seeds"] > 0 for row in rows)
    for row in rows:
        row["tests"] = len(judged) if row["seeds"] >= MIN_SEEDS else present


def _decide(claim: Claim, row: Row) -> None:
    """Fill in verdict, power and notes; turn gains from the scale of the tests into shares or differences."""
    floor, enough = bounds(claim)
    n, mean, std = row["seeds"], row["gain"], row.pop("std", math.nan)
    if n == 0:
        row["verdict"] = NOTHING
        return
    supported = row["p_corrected"] < statistics.LEVEL
    refuted = row["p_margin_corrected"] < statistics.LEVEL
    row["verdict"] = SUPPORTED if supported else REFUTED if refuted else OPEN
    if supported and refuted:
        row["note"] = "below the margin"
    level = statistics.LEVEL / row["tests"]
    if row["verdict"] == OPEN and n > 1:
        least = max(MIN_SEEDS, n + 1)
        row["seeds_needed"] = min(statistics.seeds_needed(d, std, level, least) for d in (mean - floor, enough - mean))
    as_written = gains_of(claim).as_written
    row["detectable"] = as_written(statistics.detectable(std, n, level))
    row |= {key: as_written(row[key]) for key in ("gain", "low", "high")}
