"""The table of paired differences of a suite, from `atbench.judgement.paired`."""

from pathlib import Path
from typing import Any

import pandas as pd

from atbench.judgement.enough import too_few
from atbench.judgement.paired import differences
from atbench.reading.methods import budgets
from atbench.reading.rows import reference_rows
from atbench.reading.tidy import final_cells
from atbench.report import captions
from atbench.report.render import MINUS, Markup, Table, laid_out, signed
from atbench.report.tables import decimals
from atbench.spec.benchmark import Suite
from atbench.spec.grid import nfe_of
from atbench.spec.metrics import metric_label


def table(suite: Suite, frame: pd.DataFrame, root: Path) -> Table:
    """The suite's table of paired differences of the main distance. ``frame`` comes from `tidy.collect`."""
    numbers, cells = differences(suite, frame), final_cells(frame, suite)
    conditions = captions.conditions(suite, cells, reference_rows(suite, root))
    judged = not too_few(cells, suite.extractor, suite.leads)
    distance = metric_label(suite.leads, suite.extractor)
    caption = (
        f"{suite.title}: difference of {distance} between two methods of the same seed "
        f"(negative: first is better), mean over seeds with two-sided 95 % t-interval and, in parentheses, "
        f"the number of seeds; bold where both have as many updates or forward passes and the interval excludes "
        f"zero (each for itself, not corrected for the number of comparisons); one seed has no interval; — no pair. "
        f"{conditions}"
    )
    return Table(numbers, lambda markup: _wide(suite, numbers, judged, markup), caption)


def label(suite: Suite, method: str, baseline: str, budget: str) -> str:
    """What a row is called: the two methods, and how their budgets compare."""
    return f"{suite.method(method).label} {MINUS} {suite.method(baseline).label} ({budget})"


def _wide(suite: Suite, numbers: pd.DataFrame, judged: bool, markup: Markup) -> pd.DataFrame:
    digits, spent = decimals(numbers["mean"]), budgets(suite)
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in numbers.itertuples():
        name = label(suite, row.method, row.baseline, row.budget)
        level = spent[row.method].level_with(spent[row.baseline])
        key = markup.escape(suite.sampler(row.sampler).label), markup.escape(name)
        lines.setdefault(key, {})[f"NFE {row.nfe}"] = _entry(row, digits, judged and level, markup)
    columns = [f"NFE {nfe}" for nfe in nfe_of(suite)]
    texts = {key: [line.get(column, markup.dash) for column in columns] for key, line in lines.items()}
    return laid_out(texts, ("Sampler", "Difference"), columns)


def _entry(row: Any, digits: int, judged: bool, markup: Markup) -> str:
    if row.n == 0:
        return markup.dash
    text = signed(row.mean, digits, markup)
    if row.n > 1:
        text += f" [{signed(row.low, digits, markup)}, {signed(row.high, digits, markup)}]"
    excludes_zero = judged and row.n > 1 and (row.low > 0 or row.high < 0)
    return f"{markup.bold.format(text) if excludes_zero else text} ({row.n})"
