"""A suite's table of a metric in the paper's layout: blocks of samplers, rows of methods, columns of NFE."""

import math
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from atbench.judgement.best import winners
from atbench.judgement.enough import too_few
from atbench.reading.methods import ordered
from atbench.reading.rows import Rows, foreign_rows, reference_rows
from atbench.reading.tidy import final_cells
from atbench.report import captions
from atbench.report.render import Markup, Table, laid_out, signed
from atbench.spec.benchmark import Suite
from atbench.spec.grid import fits, nfe_of, samplers_of
from atbench.spec.metrics import METRICS, metric_label

LONG = ["sampler", "nfe", "method", "mean", "std", "n", "declared", "stale", "missing", "best"]


def table(
    suite: Suite, frame: pd.DataFrame, root: Path, metric: str | None = None, order: Sequence[str] | None = None
) -> Table:
    """The suite's table of ``metric``, without one of its leading distance; ``frame`` comes from `tidy.collect`.

    order: of methods; without it that of methods.yaml. It shows the suite's methods alone: of a view, `Suite.view`, its
    own.
    """
    metric = metric or suite.leads
    cells, rows = final_cells(frame, suite), reference_rows(suite, root)
    best = set() if too_few(cells, suite.extractor, metric) else winners(suite, cells, metric)
    numbers = summarise(cells, metric)
    numbers["best"] = [key in best for key in zip(numbers.sampler, numbers.nfe, numbers.method)]
    anchors = anchor_rows(rows, foreign_rows(root, rows), metric)
    digits = decimals(numbers["mean"])
    caption = (
        f"{suite.title}: {metric_label(metric, suite.extractor)}, mean ± standard deviation over seeds. Bold: "
        f"better than every method of as many updates or forward passes, where the 95 % t-interval of each paired "
        f"difference excludes zero; — no result; † stale cells left out; (n) seeds if incomplete. "
        f"{captions.conditions(suite, cells, rows)}"
    )
    return Table(
        pd.concat([numbers, anchors]) if len(anchors) else numbers,
        lambda markup: _wide(suite, order or ordered(suite), numbers, anchors, digits, markup),
        caption,
    )


def summarise(cells: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Mean, standard deviation (divisor n - 1, NaN below two) and number of seeds per grid point."""
    groups = cells.groupby(["sampler", "nfe", "method"], sort=False)
    numbers = groups.agg(
        mean=(metric, "mean"),
        std=(metric, "std"),
        n=(metric, "count"),
        declared=("seed", "size"),
        stale=("status", lambda status: (status == "stale").sum()),
        missing=("status", lambda status: status.isin(["missing", "refused"]).sum()),
    )
    return numbers.reset_index()


def anchor_rows(rows: Rows, foreign: dict[str, Rows], metric: str) -> pd.DataFrame:
    """Long-form rows of image sets without an NFE: sampler `foreign` or `reference`, method the name of the set.

    A metric whose `Metric.mark` is known has that in place of the floor, which would lie below it.
    """
    mark = METRICS[metric].mark
    if mark is not None and "floor" in rows:
        rows = {key: value for key, value in rows.items() if key != "floor"} | {"mark": {metric: mark}}
    made = [
        {"sampler": "foreign", "method": name, "mean": metrics[metric], "std": math.nan}
        for name, metrics in foreign.items()
        if metric in metrics  # nobody knows what foreign samples were asked to show
    ]
    for name in captions.REFERENCE_LABELS:
        value = rows.get(name, {}).get(metric)
        if value is not None:
            spread = value if isinstance(value, dict) else {"mean": value, "std": math.nan}
            made.append({"sampler": "reference", "method": name, "mean": spread["mean"], "std": spread["std"]})
    return pd.DataFrame(made, columns=LONG)


def decimals(values: pd.Series) -> int:
    """Decimal places that give a typical value three significant digits, between 2 and 5."""
    sizes = values.abs()[values.abs() > 0]
    return 2 if sizes.empty else min(5, max(2, 2 - math.floor(math.log10(sizes.median()))))


def _wide(
    suite: Suite, order: Sequence[str], numbers: pd.DataFrame, anchors: pd.DataFrame, digits: int, markup: Markup
) -> pd.DataFrame:
    entries = {key: group.iloc[0] for key, group in numbers.groupby(["sampler", "nfe", "method"])}
    nfes = nfe_of(suite)
    lines: dict[tuple[str, str], list[str]] = {}
    for sampler in samplers_of(suite):
        for name in (name for name in order if fits(suite, suite.method(name), sampler)):
            cells = [entries.get((sampler, nfe, name)) for nfe in nfes]
            key = markup.escape(suite.sampler(sampler).label), markup.escape(suite.method(name).label)
            lines[key] = [_entry(cell, digits, markup) for cell in cells]
    for row in anchors.itertuples():
        text = value_text(row.mean, row.std, digits, markup)
        # These sets have no NFE; repeating the value keeps every column comparable from top to bottom.
        name = captions.REFERENCE_LABELS[row.method] if row.sampler == "reference" else row.method
        lines[row.sampler.capitalize(), markup.escape(name)] = [text] * len(nfes)
    return laid_out(lines, ("Sampler", "Method"), [f"NFE {nfe}" for nfe in nfes])


def value_text(mean: float, std: float, digits: int, markup: Markup) -> str:
    """``1.23 ± 0.04``, or ``1.23`` where there is no spread."""
    text = signed(mean, digits, markup)
    return text if pd.isna(std) else f"{text} {markup.plus_minus} {signed(std, digits, markup)}"


def _entry(cell: pd.Series | None, digits: int, markup: Markup) -> str:
    if cell is None:
        return markup.dash
    stale = markup.dagger if cell.stale else ""
    if cell.n == 0:
        return markup.dash + stale
    text = value_text(cell["mean"], cell["std"], digits, markup)
    text = markup.bold.format(text) if cell.best else text
    return text + (f" ({cell.n})" if cell.n < cell.declared else "") + stale
