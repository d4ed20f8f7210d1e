"""The table of the tuning search: every value that was tried, what it gains over the published one, and how surely."""

from typing import Any

import pandas as pd

from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree
from atbench.report.render import Markup, Table, laid_out
from atbench.report.verdict_table import with_interval
from atbench.spec.fields import FACTOR
from atbench.spec.searches import TuningForm

COLUMNS = ["suite", "method", "constant", "value", "mean_rank", "gain", "low", "high", "published", "won", "seeds"]
RATES = "The rate of a method is a factor on the baseline's; the paper has one rate for all, so that 1 is published."
HEADS = ["Mean rank", "Gain over the published value", ""]


def table(sheet: Sheet) -> Table:
    """A row for each candidate of the searches that are finished."""
    tuning, tree = sheet.benchmark.tuning, Tree(sheet.root)
    rows: list[tuple[Any, ...]] = []
    for suite in tuning.search:
        record = tree.shown(sheet.root / f"tuning/{suite}.json", TuningForm)
        for method, tried in (record or {"methods": {}})["methods"].items():
            published, winners = tuning.search[suite].to_beat(method), record["winners"][method]
            seeds = len(record.get("seeds") or [record["seed"]])
            for row in tried:
                [constant], gain = winners.keys() & row.keys(), row.get("gain", {})
                known = [gain.get(key, float("nan")) for key in ("mean", "low", "high")]
                value = row[constant]
                source, won = value == published.get(constant), value == winners[constant]
                rows.append((suite, method, constant, value, row["mean_rank"], *known, source, won, seeds))
    numbers = pd.DataFrame(rows, columns=COLUMNS)
    of_rates = f" {RATES}" if (numbers.constant == FACTOR).any() else ""
    judge = f"judged by {sheet.benchmark.searched_by} on seeds no table reports"
    caption = (
        f"The tuning search at scale {sheet.benchmark.scale}, {judge}. "
        f"Constants of one method are searched one at a time, the others as they stand.{of_rates} "
        "Gain: per cent of the distance of the published value, mean log ratio over the judged cells, then over seeds, "
        "with its 95 % t-interval (one seed has none). A value is chosen in place of the published one only if it is "
        "better at p < 0.05 corrected for the number of others; what is not, is no order of the values. Without a "
        "published value the lowest mean rank is chosen."
    )
    return Table(numbers, lambda markup: _wide(sheet, numbers, markup), caption, True)


def _wide(sheet: Sheet, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    lines = {}
    for row in numbers.itertuples():
        method = f"{sheet.benchmark.methods[row.method].label}, {row.seeds} seed{'s' if row.seeds > 1 else ''}"
        key = markup.escape(f"{row.suite}: {method}"), markup.escape(f"{row.constant} {row.value:g}")
        gain = "—" if row.gain != row.gain else with_interval(row.gain, row.low, row.high, "relative")
        words = ", ".join(["published"] * row.published + ["chosen"] * row.won)
        lines[key] = [f"{row.mean_rank:.2f}", markup.escape(gain), words]
    return laid_out(lines, ("Search", "Value"), HEADS)
