"""The verdict table: a row per claim, suite and sampler; a column per budget; beside them what the paper states."""

import math
from typing import Any

import pandas as pd

from atbench.judgement.claims import MIN_SEEDS, NOTHING, OPEN, REFUTED
from atbench.judgement.families import SECONDARY, sizes
from atbench.judgement.margins import gains_of, paired_gain
from atbench.judgement.published import published
from atbench.report import captions
from atbench.report.render import MINUS, Markup, Table, laid_out
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import HELD_OUT, METRICS, TRAINING, metric_label
from atbench.spec.models.evidence import BUDGETS, CURVE, GRID, Margin
from atbench.spec.probes import probes

HEADS = {"batches": "Equal batches", "updates": "Equal updates", "cost": "Equal cost"}
PAPER = ["paper", "paper_cells", "paper_source"]
ROW = ["claim", "suite", "samplers"]  # what the budgets of one row share


def table(benchmark: Benchmark, frame: pd.DataFrame, verdicts: pd.DataFrame) -> Table:
    """The verdict on every claim, of `claims.judge`; ``frame``, of `tidy.collect`, says what is missing."""
    theirs = published(benchmark)
    beside = [_published_gain(benchmark, row, theirs) for row in verdicts.itertuples()]
    numbers = verdicts.assign(**{key: [found[place] for found in beside] for place, key in enumerate(PAPER)})
    return Table(numbers, lambda markup: _wide(benchmark, numbers, markup), _caption(benchmark, frame, numbers), True)


def _published_gain(benchmark: Benchmark, row: Any, theirs: pd.DataFrame) -> tuple[float, int, str]:
    """The gain between the paper's own numbers, averaged over its cells as ours is over ours; it counts minibatches."""
    claim = benchmark.claims[row.claim]
    if row.budget != "batches" or claim.points != GRID or claim.training_free:
        return math.nan, 0, ""
    metric = TRAINING if row.metric == HELD_OUT else row.metric  # published distances are to the training images
    fitting = theirs[(theirs.suite == row.suite) & (theirs.metric == metric)]
    fitting = fitting[fitting.sampler.isin(row.samplers.split())]
    fitting = fitting[fitting.nfe.map(claim.nfe.holds).astype(bool)]
    values = fitting.pivot(index=["sampler", "nfe"], columns="method", values="value")
    if not {row.method, row.baseline} <= {*values.columns}:
        return math.nan, 0, ""
    values = values[[row.method, row.baseline]].dropna()
    if values.empty:
        return math.nan, 0, ""
    gains = [paired_gain(row.claim, claim, ours, base) for ours, base in values.itertuples(index=False)]
    used = fitting[fitting.method.isin([row.method, row.baseline])]
    sources = ", ".join(dict.fromkeys(used.set_index(["sampler", "nfe"]).loc[values.index].source))
    return gains_of(claim).as_written(sum(gains) / len(gains)), len(gains), sources


def _wide(benchmark: Benchmark, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for key, group in numbers.groupby(ROW, sort=False):
        claim = benchmark.claims[key[0]]
        entries = {HEADS[row.budget]: entry(benchmark, row, markup) for row in group.itertuples()}
        stated = group[group.paper.notna()]
        if len(stated):
            first = stated.iloc[0]
            source = markup.escape(f"{amount(first.paper, first.unit)} ({first.paper_source})")
            entries["Paper"] = source
        kind = f"; {claim.family.name if claim.family else 'secondary'}" if "family" in numbers else ""
        index = markup.escape(f"{claim.claim}{kind}"), markup.escape(tested_on(benchmark, group.iloc[0]))
        lines[index] = entries
    columns = [HEADS[budget] for budget in BUDGETS] + ["Paper"] * bool(numbers.paper.notna().any())
    texts = {key: [line.get(column, markup.dash) for column in columns] for key, line in lines.items()}
    return laid_out(texts, ("Claim", "Tested on"), columns)


def tested_on(benchmark: Benchmark, row: pd.Series) -> str:
    """Suite, samplers and NFE in a few words; the metric where it is not the main distance."""
    title = benchmark.declared[row.suite].title
    samplers = _samplers(benchmark, row)
    nfes = row.nfe.split()
    steps = f", NFE {nfes[0]}" + (f" to {nfes[-1]}" if len(nfes) > 1 else "") if nfes else ""
    points = benchmark.claims[row.claim].points
    own = {} if points in (GRID, CURVE) else {metric.name: metric for metric in probes()[points].metrics}
    metric = "" if row.metric == benchmark.file.leads else f"; {(METRICS | own)[row.metric].phrase}"
    curve = ", training curve" if points == CURVE else ""
    return f"{title}: {samplers}{steps}{curve}{metric}"


def _samplers(benchmark: Benchmark, row: Any) -> str:
    """How many samplers, or which one; of a claim on training-free ones those of both methods."""
    labels = [benchmark.samplers[name].label for name in row.samplers.split()]
    if not benchmark.claims[row.claim].training_free:
        return labels[0] if len(labels) == 1 else f"{len(labels)} samplers"
    theirs = [benchmark.samplers[name].label for name in row.baseline_samplers.split()]
    return "; ".join(labels) + (f" against {'; '.join(theirs)}" if theirs != labels else "")


def entry(benchmark: Benchmark, row: Any, markup: Markup) -> str:
    """``**supported** (5 seeds): +12 % [+4, +20]; p 0.004, d 2.1``, or what an open question would take."""
    if row.verdict == NOTHING:
        return markup.escape(f"{NOTHING}: {row.note}")
    verdict = markup.bold.format(row.verdict) if row.verdict != OPEN else row.verdict
    seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}"
    return f"{verdict} ({seeds}): {markup.escape('; '.join(facts(benchmark, row)))}"


def facts(benchmark: Benchmark, row: Any) -> list[str]:
    """What stands behind a verdict: the gain with its interval, then notes, p and effect, what would settle it."""
    gain = with_interval(row.gain, row.low, row.high, row.unit)
    facts = [f"{gain} with {benchmark.samplers[row.decisive].label}" if row.decisive else gain]
    facts += [row.note] if row.note else []
    if row.seeds >= MIN_SEEDS:
        p = row.p_margin_corrected if row.verdict == REFUTED else row.p_corrected
        facts.append(f"p {'< 0.001' if p < 0.001 else format(p, '.2g')}, d {row.effect:.1f}".replace("-", MINUS))
    if row.verdict == OPEN and row.seeds == 1:
        facts.append(f"a verdict takes {MIN_SEEDS} seeds or more")
    asked = row.verdict == OPEN and row.seeds > 1 and not math.isnan(row.seeds_needed)  # not of an interim row
    if asked:
        needed = "over 1000 seeds" if math.isinf(row.seeds_needed) else f"{row.seeds_needed:.0f} seeds"
        facts.append(f"about {needed} would settle it")
    if row.verdict == OPEN and row.seeds >= MIN_SEEDS:
        facts.append(f"a gain of {amount(row.detectable, row.unit).lstrip('+')} was detectable")
    return facts


def with_interval(gain: float, low: float, high: float, unit: str) -> str:
    """``+12 % [+4, +20]``; one seed has no interval."""
    bounds = "" if math.isnan(low) else f" [{amount(low, unit, '')}, {amount(high, unit, '')}]"
    return f"{amount(gain, unit)}{bounds}"


def amount(value: float, unit: str, per_cent: str = " %") -> str:
    """A signed gain: a share in per cent, or a difference in the metric's unit."""
    if unit == "absolute":
        return f"{value:+.3f}".replace("-", MINUS)
    if value < -10:
        return f"< {MINUS}999{per_cent}"
    return f"{100 * value:+.{0 if abs(value) >= 0.095 else 1}f}{per_cent}".replace("-", MINUS)


def _caption(benchmark: Benchmark, frame: pd.DataFrame, numbers: pd.DataFrame) -> str:
    secondary = numbers if "family" not in numbers else numbers[numbers.family == SECONDARY]
    judged = int((secondary.seeds >= MIN_SEEDS).sum())
    margins = ", ".join(dict.fromkeys(_margin(benchmark.claims[name].margin) for name in numbers.claim.unique()))
    distance = metric_label(benchmark.file.leads, benchmark.file.extractor)
    return (
        f"Verdicts on the claims of experiments/claims.yaml at scale {benchmark.scale}. A gain is positive where the "
        f"claimed method is better: per cent of the baseline's {distance}, or of "
        f"the distance named (from log ratios), or a plain difference of scores; mean over a seed's cells, then over "
        f"seeds, with the two-sided 95 % t-interval in brackets (for itself, not corrected). Supported: p < 0.05 for a "
        f"gain above zero in a paired t-test over seeds, Holm-corrected for the {judged} comparisons with {MIN_SEEDS} "
        f"or more seeds. Not supported: likewise for a gain below the claim's margin ({margins}), and p is then of "
        f"that test. A claim of no loss is supported above, not supported below, minus its margin. Inconclusive: "
        f"neither, and always with fewer than {MIN_SEEDS} seeds. d: Hedges' paired effect size. Seeds that would "
        f"settle it: at 80 % power, were mean and spread as seen; from two seeds hardly more than a guess. Seeds that "
        f"lack a cell of a claim are left out. Of a claim on every sampler the sampler that decides is shown. Equal "
        f"updates of ADM and ADM-AT are also equal cost in passes. {_families(benchmark, numbers)}"
        f"{captions.gaps(frame)}"
    )


def _margin(margin: Margin) -> str:
    if margin.unit == "absolute":
        return f"{margin.size:g}"
    return f"{100 * margin.size:g} %" + (" of what lies above the floor of finite samples" if margin.above else "")


def _families(benchmark: Benchmark, numbers: pd.DataFrame) -> str:
    """Which tests are primary, and what a verdict by held-out images needs; empty where there is neither."""
    words = ""
    if "family" in numbers:
        declared = " and ".join(f"the {name} family has {count} tests" for name, count in sizes(benchmark).items())
        words += (
            f"Declared beforehand: {declared}, marked so and corrected for these alone (table power). All other claims "
            "are secondary, and the Holm correction above is theirs. "
        )
    if benchmark.file.leads == HELD_OUT:
        words += (
            "Distances are to held-out images; where the distance to training images gives another verdict, it is "
            "inconclusive and says so. "
        )
    return words
