"""The README's answer: AT against what isolates its perturbation, and against samplers that train nothing.

From the released scale whose claims were declared beforehand, as tables, as a sentence and as the first picture.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.judgement.claims import NOTHING, OPEN, REFUTED, SUPPORTED
from atbench.report import figures
from atbench.report.render import NO_RESULTS
from atbench.report.style import REFERENCE
from atbench.report.verdict_table import amount
from atbench.runtime.errors import UserError
from atbench.spec.address import RELEASED
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import load

SCALE = "fashion"
METHOD = "at-mid"
SUITES = ("scratch", "finetune")
MARGIN = "margin that a claim is judged with"


class Row(NamedTuple):
    """A comparison: what AT is set against, in words, and the claim of claims.yaml with its budget."""

    words: str
    claim: str
    budget: str


PRIMARY = (
    Row("its own updates without a perturbation (`replay`)", "against-replay", "updates"),
    Row("ADM of as many updates", "against-equal-updates", "updates"),
    Row("as many steps in a random direction", "against-random-direction", "updates"),
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


def tables(numbers: pd.DataFrame) -> str:
    """The tables of PRIMARY and RIVALS: a verdict with its gain for each suite. ``numbers``: verdicts at SCALE."""
    first = _table("AT gains in few steps over", PRIMARY, numbers)
    second = _table("and over training-free samplers", RIVALS, numbers)
    return f"{first}\n\n{second}".replace(" %", "\N{NO-BREAK SPACE}%")


def _table(head: str, rows: tuple[Row, ...], numbers: pd.DataFrame) -> str:
    benchmark = load(SCALE)
    found = {suite: dict(judged(numbers, rows, suite)) for suite in SUITES}
    shown = [suite for suite in SUITES if found[suite]]
    heads = [_head(benchmark, suite, numbers) for suite in shown]
    lines = [f"| {head} | {' | '.join(heads)} |", "|---" * (1 + len(shown)) + "|"]
    for row in rows:
        entries = [_entry(found[suite][row]) if row in found[suite] else "—" for suite in shown]
        lines.append(f"| {row.words} | {' | '.join(entries)} |")
    return "\n".join(lines)


def _head(benchmark: Benchmark, suite: str, numbers: pd.DataFrame) -> str:
    """A suite's title with its seeds, so many of those declared where they are not all there."""
    seeds, declared = _seeds(benchmark, suite, numbers)
    count = f"{seeds} seeds" if seeds == declared else f"{seeds} of {declared} seeds"
    return f"{benchmark.declared[suite].title}, {count}"


def _seeds(benchmark: Benchmark, suite: str, numbers: pd.DataFrame) -> tuple[int, int]:
    """Seeds that there are, and those declared."""
    there = min(row.seeds for _, row in judged(numbers, (*PRIMARY, *RIVALS), suite))
    return there, len(benchmark.suite(suite).size.seeds)


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


def _entry(row: Any) -> str:
    words = f"**{row.verdict}**" if row.verdict in (SUPPORTED, REFUTED) else row.verdict
    gain = f"{words}: {amount(row.gain, row.unit)}"
    return (
        gain if math.isnan(row.low) else f"{gain} [{amount(row.low, row.unit, '')}, {amount(row.high, row.unit, '')}]"
    )


def sentence(numbers: pd.DataFrame) -> str:
    """What the primary tests say, suite by suite: no more than their verdicts."""
    benchmark, said = load(SCALE), []
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
        said.append(f"{_head(benchmark, suite, numbers)}: that AT samples better is {'; '.join(parts)}.")
    counts = [_seeds(benchmark, suite, numbers) for suite in SUITES if judged(numbers, PRIMARY, suite)]
    if any(there < declared for there, declared in counts):
        said.append("These are interim verdicts: seeds that were declared are still to come.")
    return " ".join(said)


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
    """The gains of AT with their intervals: a panel for each suite that has any, a line for each comparison."""
    benchmark = load(SCALE)
    rows = (*PRIMARY, *RIVALS)
    shown = [suite for suite in SUITES if judged(numbers, rows, suite)]
    figure = figures.sheet(2.6)
    panels = figure.subplots(1, len(shown), sharex=True, sharey=True, squeeze=False)[0]
    for axes, suite in zip(panels, shown):
        found = [(rows.index(row), each) for row, each in judged(numbers, rows, suite)]
        _panel(axes, found, benchmark.methods[METHOD].style.colour)
        axes.set_title(_head(benchmark, suite, numbers))
        axes.set_xlabel("gain in % of the other's distance (right: AT is better)")
    panels[0].set_yticks(range(len(rows)), [row.words.replace("`", "") for row in rows])
    panels[0].set_ylim(len(rows) - 0.5, -0.5)
    words = "Bars: 95 % t-intervals over paired seeds. Above the line: primary tests; below: rivals that train nothing."
    figures.heading(figure, "AT at 5 to 20 network evaluations, Fashion-MNIST, against", words)
    figures.legend(figure)
    return figure


def _panel(axes: Axes, found: list[tuple[int, Any]], colour: str) -> None:
    """A point and its interval for each comparison: filled for a verdict, hollow where it is inconclusive."""
    axes.axvline(0, color=REFERENCE.colour, lw=0.9)
    axes.axvline(100 * found[0][1].margin, color=REFERENCE.colour, lw=0.6, ls=":", label=MARGIN)
    axes.axhline(len(PRIMARY) - 0.5, color=REFERENCE.colour, lw=0.6)
    axes.grid(axis="x", visible=True)
    axes.grid(axis="y", visible=False)
    for words, decided in (("a verdict", True), (OPEN, False)):
        chosen = [(y, row) for y, row in found if (row.verdict != OPEN) == decided]
        if not chosen:
            continue
        heights = [y for y, _ in chosen]
        gain, low, high = (100 * np.array([getattr(row, key) for _, row in chosen]) for key in ("gain", "low", "high"))
        spans = np.nan_to_num(np.array([gain - low, high - gain]))
        face = colour if decided else "white"
        axes.errorbar(gain, heights, xerr=spans, fmt="D", color=colour, mfc=face, capsize=2, label=words)
