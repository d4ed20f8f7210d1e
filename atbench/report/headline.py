"""The README's answer: AT against its controls and rivals, and against samplers corrected without training.

From the released scale whose claims were declared beforehand, as sentences, as tables and as the first picture.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.judgement import families, statistics
from atbench.judgement.claims import NOTHING, OPEN, REFUTED, SUPPORTED
from atbench.judgement.margins import gains_of
from atbench.report import figures
from atbench.report.render import NO_RESULTS
from atbench.report.style import REFERENCE
from atbench.report.verdict_table import amount, with_interval
from atbench.runtime.errors import UserError
from atbench.spec.address import RELEASED
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import load
from atbench.spec.metrics import metric_label

SCALE = "fashion"
METHOD, PUBLISHED = "at-mid", "at-script"  # the AT of the claims, and that of the public script
SUITES = ("scratch", "finetune")


class Row(NamedTuple):
    """A comparison: what AT is set against, in words, and the claim of claims.yaml with its budget."""

    words: str
    claim: str
    budget: str


PRIMARY = (
    Row("its own updates without a perturbation (`replay`)", "against-replay", "updates"),
    Row("ADM of as many updates", "against-equal-updates", "updates"),
    Row("random perturbations of the same length", "against-random-direction", "updates"),
    Row("ADM-IP of as many batches", "against-input-perturbation", "batches"),
)
RIVALS = (
    Row("ADM of as many batches, corrected", "over-training-free", "batches"),
    Row("ADM of as many updates, corrected", "over-training-free", "updates"),
    Row("its own updates without a perturbation, corrected", "over-training-free-replay", "updates"),
    Row("ADM of as many batches; both corrected", "with-training-free", "batches"),
    Row("ADM of as many updates; both corrected", "with-training-free", "updates"),
    Row("its own updates without a perturbation; both corrected", "with-training-free-replay", "updates"),
)


def text(numbers: pd.DataFrame) -> str:
    """All of it but the picture, as Markdown. ``numbers``: the verdicts at SCALE."""
    benchmark = load(SCALE)
    parts = [f"{_compared(benchmark)} {sentence(numbers)}", tables(numbers), _measured(benchmark)]
    return "\n\n".join(parts).replace(" %", "\N{NO-BREAK SPACE}%")


def _compared(benchmark: Benchmark) -> str:
    """What AT is, and what its controls are."""
    perturbation, published = (benchmark.methods[name].perturbation.written() for name in (METHOD, PUBLISHED))
    step = perturbation["step_rms"]
    return (
        f"AT makes {perturbation['inner_steps']} updates on each batch, after steps of {step:g} per dimension, "
        f"{step / published['step_rms']:.1f} times the published ones (`{METHOD}`). `replay` makes the same updates "
        f"without a perturbation; ADM of as many updates sees {perturbation['inner_steps']} times the batches, ADM-IP "
        "of as many batches makes one update on each."
    )


def sentence(numbers: pd.DataFrame) -> str:
    """What the primary tests say, suite by suite: no more than their verdicts, and nothing before the last seed."""
    benchmark, said, waiting = load(SCALE), [], []
    for suite in SUITES:
        rows = judged(numbers, PRIMARY, suite)
        if not rows:
            said.append(f"{benchmark.declared[suite].title}: {NO_RESULTS}.")
            continue
        parts = [
            f"**{verdict}** against {_listed([row.words for row, found in rows if found.verdict == verdict])}"
            for verdict in (SUPPORTED, REFUTED, OPEN)
            if any(found.verdict == verdict for _, found in rows)
        ]
        if _complete(benchmark, suite, rows):
            said.append(f"{_head(benchmark, suite, rows)}: that AT samples better is {'; '.join(parts)}.")
        else:
            waiting.append(_head(benchmark, suite, rows))
    if waiting:
        why = "all **inconclusive**, for a verdict is given once, with the last seed"
        said.insert(0, f"{'; '.join(waiting)}: {why}.")
    return " ".join(said)


def tables(numbers: pd.DataFrame) -> str:
    """The tables of PRIMARY and RIVALS: a verdict with its gain for each suite that has any."""
    first = _table("AT gains in few steps over (primary tests)", PRIMARY, numbers)
    return f"{first}\n\n{_table('and over training-free samplers (secondary)', RIVALS, numbers)}"


def _table(head: str, rows: tuple[Row, ...], numbers: pd.DataFrame) -> str:
    benchmark = load(SCALE)
    found = {suite: dict(judged(numbers, rows, suite)) for suite in SUITES}
    shown = [suite for suite in SUITES if found[suite]]
    heads = [_head(benchmark, suite, list(found[suite].items())) for suite in shown]
    lines = [f"| {head} | {' | '.join(heads)} |", "|---" * (1 + len(shown)) + "|"]
    for row in rows:
        entries = [_entry(found[suite][row]) if row in found[suite] else "—" for suite in shown]
        lines.append(f"| {row.words} | {' | '.join(entries)} |")
    return "\n".join(lines)


def _entry(row: Any) -> str:
    words = f"**{row.verdict}**" if row.verdict in (SUPPORTED, REFUTED) else row.verdict
    return f"{words}: {with_interval(row.gain, row.low, row.high, row.unit)}"


def _measured(benchmark: Benchmark) -> str:
    """What a gain is, what the seeds can find, and what is corrected."""
    claim, named = benchmark.claims[PRIMARY[0].claim], benchmark.suite(SUITES[0]).size.best_training_free
    samplers = _listed([benchmark.samplers[name].label for name in claim.samplers])
    corrections = _listed([benchmark.samplers[name].label for name in named.values()])
    distance = metric_label(benchmark.file.leads, benchmark.file.extractor)
    seeds = len(benchmark.suite(SUITES[0]).size.seeds)
    level = statistics.LEVEL / families.sizes(benchmark)[claim.family.name]
    found = gains_of(claim).as_written(statistics.detectable(claim.family.pilot_std, seeds, level))
    return (
        f"Gains are per cent of the other's {distance} (**not FID**), on average over {samplers} at "
        f"{_listed([str(nfe) for nfe in claim.nfe.only])} evaluations; brackets are "
        f"{100 * statistics.CONFIDENCE:.0f} % intervals over paired seeds. "
        f"All {seeds} seeds find a gain of {amount(found, 'relative').lstrip('+')} four "
        f"times in five, if they spread as the two seeds of the pilot did. *Corrected*: by {corrections}, with "
        f"[constants of a search]({RELEASED}/{SCALE}/tables/tuning-samplers.md) on ADM alone; AT keeps the plain "
        "sampler unless both are corrected. No constants of training are searched at this scale."
    )


def judged(numbers: pd.DataFrame, rows: tuple[Row, ...], suite: str) -> list[tuple[Row, Any]]:
    """The rows that have results in a suite, each with its comparison.

    Raises UserError for a row that no claim asks about, in any suite.
    """
    found = []
    for row in rows:
        asked = numbers[(numbers.claim == row.claim) & (numbers.budget == row.budget)]
        if asked.empty:
            raise UserError(f"{RELEASED}/{SCALE}: no claim {row.claim!r} at equal {row.budget}")
        here = asked[(asked.suite == suite) & (asked.verdict != NOTHING)]
        found += [(row, each) for each in here.itertuples()]
    return found


def _head(benchmark: Benchmark, suite: str, rows: list[tuple[Row, Any]]) -> str:
    """A suite's title with its seeds, of those declared where they are not all there."""
    there, declared = min(found.seeds for _, found in rows), len(benchmark.suite(suite).size.seeds)
    count = f"{there} seeds" if _complete(benchmark, suite, rows) else f"{there} of {declared} seeds"
    return f"{benchmark.declared[suite].title}, {count}"


def _complete(benchmark: Benchmark, suite: str, rows: list[tuple[Row, Any]]) -> bool:
    return all(found.seeds == len(benchmark.suite(suite).size.seeds) for _, found in rows)


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def in_numbers(numbers: pd.DataFrame) -> str:
    """The numbers of the picture in words: kept inside its file, so that a test can hold it to the records."""
    return "; ".join(
        f"{suite}, {row.claim}, equal {row.budget}: {found.gain:.4f} [{found.low:.4f}, {found.high:.4f}]"
        for suite in SUITES
        for row, found in judged(numbers, (*PRIMARY, *RIVALS), suite)
    )


def picture(numbers: pd.DataFrame) -> Figure:
    """The gains of AT with their intervals: a panel for each suite that has any, a line for each comparison.

    Raises UserError where there are none.
    """
    benchmark, rows = load(SCALE), (*PRIMARY, *RIVALS)
    found = {suite: judged(numbers, rows, suite) for suite in SUITES}
    shown = [suite for suite in SUITES if found[suite]]
    if not shown:
        raise UserError(f"{RELEASED}/{SCALE}: no results of {', '.join(SUITES)}")
    figure = figures.sheet(2.6)
    panels = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    for axes, suite in zip(panels, shown):
        places = [(rows.index(row), each) for row, each in found[suite]]
        _panel(axes, places, benchmark.methods[METHOD].style.colour)
        axes.set_title(_head(benchmark, suite, found[suite]).replace(", ", ",\n"))  # as narrow as half the page
        axes.set_xlabel("gain in % (right: AT is better)")
    panels[0].set_yticks(range(len(rows)), [row.words.replace("`", "") for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    words = (
        "Gains in % of the other's distance, bars: 95 % t-intervals over paired seeds, none from one. Above the line: "
        "primary tests; below: samplers that train nothing."
    )
    figures.heading(figure, f"AT in few steps, scale {SCALE}, against", words)
    figures.legend(figure)
    return figure


def _panel(axes: Axes, found: list[tuple[int, Any]], colour: str) -> None:
    """A point and its interval for each comparison: filled where it is decided, hollow where it is inconclusive."""
    margin = found[0][1].margin
    axes.axvline(0, color=REFERENCE.colour, lw=0.9)
    axes.axvline(
        100 * margin, color=REFERENCE.colour, lw=0.6, ls=":", label=f"the least gain that counts, {margin:.0%}"
    )
    axes.axhline(len(PRIMARY) - 0.5, color=REFERENCE.colour, lw=0.6)
    axes.grid(axis="x", visible=True)
    axes.grid(axis="y", visible=False)
    for words, decided in (("decided", True), (OPEN, False)):
        chosen = [(y, row) for y, row in found if (row.verdict != OPEN) == decided]
        if not chosen:
            continue
        heights = [y for y, _ in chosen]
        gain, low, high = (100 * np.array([getattr(row, key) for _, row in chosen]) for key in ("gain", "low", "high"))
        spans = np.nan_to_num(np.array([gain - low, high - gain]))
        face = colour if decided else "white"
        axes.errorbar(gain, heights, xerr=spans, fmt="D", color=colour, mfc=face, capsize=2, label=words)
