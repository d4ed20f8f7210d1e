"""Verdicts on the claims of claims.yaml, from paired differences between methods of one seed.

**Numbers.** The two methods of a seed share data order, noise and latents, so only their difference is looked at. In a
claim a seed gives one number, the mean of its differences over the claim's cells: cells of one run share its luck
and are no independent evidence. A seed that lacks any of these cells is left out, or seeds would average other cells.

A claim with a relative margin works on log ratios of the metric: a distance is positive, its spread grows with its size
(FD-digits of ADM with IDDPM: 4.74 +- 0.70 at 5 evaluations, 1.56 +- 0.49 at 50), a margin in per cent means the same at
both, large distances at few steps do not drown the rest, and exchanging the methods changes the sign only. An absolute
margin works on plain differences. Gains are positive in the claimed direction.

**Distances.** A claim on `distance` is judged by the one that leads at the scale. Where that is the one to held-out
images, the one to training images has to say the same, or the verdict is inconclusive: a method that only copies better
has not sampled better, and chance in the held-out images is no gain.

**Training-free samplers.** Sampling shares its latents between samplers too, so a claim may set one method under a
plain sampler against another under a correction of it (`training_free`); pairs are of one seed and one NFE as ever.

**Verdicts.** Two t-tests over seeds, each corrected by Holm within its family (`atbench.judgement.families`): of the
secondary claims for the number of comparisons with MIN_SEEDS seeds or more.

    supported       the gain is above the floor:      0, or for a claim of no loss minus the margin
    not supported   the gain is below what counts:    the margin, or for a claim of no loss minus the margin
    inconclusive    neither, and always below MIN_SEEDS seeds
    no results      no complete seed

A verdict is given once, when all seeds that were declared have been run: judged anew after every seed, one test without
a gain would be supported by chance several times as often. Until then all are inconclusive, and the note says so.

So at most 5 % of such tables hold a false "supported", and at most 5 % a false "not supported" (in fact half of that,
see `statistics.p_above`). A claim may be supported with a gain below its margin; the note says so. A claim on every
sampler is as significant as its least significant sampler (intersection-union test, Berger 1982), and any sampler
refutes it, corrected for their number.
"""

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from atbench.judgement import families, statistics
from atbench.judgement.comparisons import Comparison, comparisons
from atbench.judgement.enough import too_few
from atbench.judgement.margins import Values, above_the_least, bounds, gains_of, metric_of, paired_gain
from atbench.reading.tidy import begun
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import HELD_OUT, TRAINING, distance_name, images_wanted
from atbench.spec.models.evidence import CURVE, GRID, Claim

MIN_SEEDS = 5
SUPPORTED, REFUTED, OPEN, NOTHING = VERDICTS = ("supported", "not supported", "inconclusive", "no results")
# Gains, interval and what is detectable: shares of the baseline's value (relative margin) or the metric's own unit.
LONG = ["claim", "suite", "samplers", "nfe", "metric", "budget", "method", "baseline", "unit", "margin", "verdict"]
LONG += ["seeds", "incomplete", "gain", "low", "high", "effect", "p", "p_corrected", "p_margin", "p_margin_corrected"]
LONG += ["tests", "seeds_needed", "detectable", "decisive", "note"]
FAMILY = ["family", "std"]  # of scales that have one; std of what is tested: log gains, or differences
BESIDE = ["beside", "beside_gain"]  # of scales where held-out images lead: verdict and gain by the training images
THEIRS = ["baseline_samplers"]  # of scales that name training-free samplers: one for each of `samplers`
Row = dict[str, Any]


def judge(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str]) -> pd.DataFrame:
    """One row per comparison, columns LONG. ``frame`` comes from `points.collect` over ``suites``."""
    return verdicts(benchmark, comparisons(benchmark, suites), frame)


def verdicts(benchmark: Benchmark, compared: list[Comparison], frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of `judge` for comparisons made before."""
    rows, leads = _decided(benchmark, compared, frame, benchmark.file.leads), benchmark.file.leads
    columns = LONG + (FAMILY if any(row["family"] for row in rows) else []) + (BESIDE if leads == HELD_OUT else [])
    columns += THEIRS if any(benchmark.claims[row["claim"]].training_free for row in rows) else []
    if leads == HELD_OUT:
        for row, other in zip(rows, _decided(benchmark, compared, frame, TRAINING), strict=True):
            _share(row, other)
    return pd.DataFrame(rows, columns=columns)


def _share(row: Row, other: Row) -> None:
    """Beside a verdict by held-out images that by training images: what they do not share is inconclusive."""
    if row["metric"] == other["metric"]:
        return
    row |= {"beside": other["verdict"], "beside_gain": other["gain"]}
    if row["verdict"] != other["verdict"] and NOTHING not in (row["verdict"], other["verdict"]):
        said = f"{row['verdict']} by held-out images, {other['verdict']} by training images"
        row |= {"verdict": OPEN, "note": "; ".join(filter(None, [said, row["note"]]))}


def _decided(benchmark: Benchmark, compared: list[Comparison], frame: pd.DataFrame, leads: str) -> list[Row]:
    """The rows of comparisons with their verdicts, by the distance ``leads`` where a claim is about distances."""
    frame = frame[~frame.off_grid]  # cells beside the grid decide nothing, and begin no seed
    seeds = {suite: sorted(group.seed.unique()) for suite, group in frame.groupby("suite")}
    values: dict[str, Values] = {}
    rows = []
    for comparison in compared:
        claim = metric_of(benchmark.claims[comparison.claim], leads)
        comparison = _with_enough_images(benchmark, claim, comparison, frame)
        for metric in filter(None, (claim.metric, claim.margin.above)):
            if metric in frame and metric not in values:
                values[metric] = _values(frame, metric)
        claim = above_the_least(claim, comparison, values, seeds.get(comparison.suite, []))
        rows.append(_row(claim, comparison, values.get(claim.metric, {}), seeds.get(comparison.suite, [])))
        rows[-1]["judged_as"] = claim
    families.correct(rows, families.sizes(benchmark), MIN_SEEDS)
    there = begun(frame).groupby("suite").seed.nunique()
    waiting = {suite: len(declared) - there[suite] for suite, declared in seeds.items()}
    for row in rows:
        _decide(row.pop("judged_as"), row, waiting.get(row["suite"], 0))
    return rows


def _with_enough_images(benchmark: Benchmark, claim: Claim, comparison: Comparison, frame: pd.DataFrame) -> Comparison:
    """The comparison, without what it would compare where a distance rests on too few images to be judged."""
    if not comparison.groups or claim.metric not in frame:
        return comparison
    extractor = benchmark.suite(comparison.suite).extractor
    if not too_few(frame[frame.suite == comparison.suite], extractor, claim.metric):
        return comparison
    wanted = f"{images_wanted(extractor):,} real images"
    return replace(comparison, groups={}, gap=f"{distance_name(extractor)} gets no verdict below {wanted}")


def _values(frame: pd.DataFrame, metric: str) -> Values:
    """The numbers of the cells that have one."""
    usable = frame[(frame.status == "done") & frame[metric].notna()]
    axes = ["suite", "seed", "method", "step", "sampler", "nfe"]
    return dict(zip(zip(*(usable[axis].tolist() for axis in axes)), usable[metric].tolist()))


def _row(claim: Claim, comparison: Comparison, values: Values, seeds: list[int]) -> Row:
    """Numbers of one comparison; verdict and corrections follow when all are known."""
    nfes = sorted({point[3] for pair in comparison.pairs for point in pair})
    row = dict.fromkeys([*LONG, *FAMILY, *BESIDE, *THEIRS], math.nan) | {
        "claim": comparison.claim,
        "family": claim.family.name if claim.family else families.SECONDARY,
        "suite": comparison.suite,
        "samplers": " ".join(comparison.samplers),
        "baseline_samplers": " ".join(comparison.baseline_samplers),
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


def _decide(claim: Claim, row: Row, waiting: int) -> None:
    """Fill in verdict, power and notes; turn gains from the scale of the tests into shares or differences.

    waiting: seeds that are still to be run.
    """
    floor, enough = bounds(claim)
    n, mean, std = row["seeds"], row["gain"], row["std"]
    if n == 0:
        row["verdict"] = NOTHING
        return
    supported = row["p_corrected"] < statistics.LEVEL
    refuted = row["p_margin_corrected"] < statistics.LEVEL
    row["verdict"] = SUPPORTED if supported else REFUTED if refuted else OPEN
    if waiting:
        row |= {"verdict": OPEN, "note": f"interim, {waiting} seed{'s are' if waiting > 1 else ' is'} still to come"}
    elif supported and refuted:
        row["note"] = "below the margin"
    level = statistics.LEVEL / row["tests"]
    if row["verdict"] == OPEN and n > 1 and not waiting:
        least = max(MIN_SEEDS, n + 1)
        row["seeds_needed"] = min(statistics.seeds_needed(d, std, level, least) for d in (mean - floor, enough - mean))
    as_written = gains_of(claim).as_written
    row["detectable"] = as_written(statistics.detectable(std, n, level))
    row |= {key: as_written(row[key]) for key in ("gain", "low", "high")}
