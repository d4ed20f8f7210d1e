"""The table of what the seeds of a declared family can show, from `atbench.judgement.power`."""

import math
from typing import Any

import pandas as pd

from atbench.judgement.families import sizes
from atbench.judgement.power import power
from atbench.report.render import Markup, Table, laid_out
from atbench.report.verdict_table import amount, tested_on
from atbench.spec.benchmark import Benchmark

NOTHING_LEFT = 0.95  # a gain of more leaves next to no distance: so few seeds find none
COLUMNS = ["Verdict", "Without one seed", "Spread: pilot, seen", "Detectable: predicted, achieved"]


def table(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str]) -> Table:
    """A row for each test of a family; ``frame`` as of `points.collect`."""
    numbers = power(benchmark, frame, suites)
    declared = ", ".join(f"{name}: {count} tests" for name, count in sizes(benchmark).items())
    caption = (
        f"What seeds can show at scale {benchmark.scale}, in the tests of a family declared beforehand ({declared}; "
        "corrected within itself by Holm, tests that are still to come counted as if they had shown nothing). Without "
        "one seed: the least and the greatest gain when a seed is left out, and the seeds without which the verdict "
        "would be another, once no seed is to come. Spread: standard deviation over seeds of the paired log gain, of "
        "the pilot and as seen; the pilot had two seeds of Fashion-MNIST and other settings, so its own is hardly "
        "known. Detectable: the gain found with 80 % power at the level of the first of so many tests, with the "
        "pilot's spread and all planned seeds, and with the spread and seeds that there are. A gain below the second "
        "may be there and not be seen: inconclusive is then no evidence against it. —: no gain below 95 %."
    )
    return Table(numbers, lambda markup: _wide(benchmark, numbers, markup), caption, True)


def _wide(benchmark: Benchmark, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    lines = {}
    for _, row in numbers.iterrows():
        claim = benchmark.claims[row.claim]
        key = markup.escape(claim.claim), markup.escape(f"{tested_on(benchmark, row)}; equal {row.budget}")
        lines[key] = [markup.escape(text) for text in _texts(row)]
    return laid_out(lines, ("Claim", "Tested on"), COLUMNS)


def _texts(row: Any) -> list[str]:
    seeds = f"{row.verdict} ({row.seeds} of {row.planned_seeds} seeds)"
    if math.isnan(row.without_low):
        without = "—"
    else:
        without = f"{amount(row.without_low, row.unit, '')} to {amount(row.without_high, row.unit)}"
        if row.seeds == row.planned_seeds:
            without += f"; another verdict without {row.changes}" if row.changes else "; the same verdict without any"
    spread = f"{row.pilot_std:.2f}, {'—' if math.isnan(row['std']) else format(row['std'], '.2f')}"
    found = [_detectable(value, row.unit) for value in (row.predicted, row.detectable)]
    return [seeds, without, spread, ", ".join(found)]


def _detectable(gain: float, unit: str) -> str:
    """A gain that can be found; none where only a distance of nothing could be told from what there is."""
    return "—" if math.isnan(gain) or (unit == "relative" and gain >= NOTHING_LEFT) else amount(gain, unit)
