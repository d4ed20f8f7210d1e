"""A suite's table of a metric in the paper's layout: blocks of samplers, rows of methods, columns of NFE."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from atbench import plan
from atbench.config import Benchmark
from atbench.reading.tidy import on_grid
from atbench.report import captions
from atbench.report.render import Markup, Table, signed
from atbench.report.style import ordered
from atbench.spec.address import FINAL, Run

# The number that "best" goes towards; the nearest-neighbour ratio of a model that has memorised nothing is 1.
BEST = {
    "fd": -math.inf,
    "kid": -math.inf,
    "sfid": -math.inf,
    "is": math.inf,
    "precision": math.inf,
    "recall": math.inf,
    "caption_score": math.inf,
    "clip_score": math.inf,
    "nn_ratio": 1.0,
}
LONG = ["sampler", "nfe", "method", "mean", "std", "n", "declared", "stale", "missing", "best"]


def final_cells(frame: pd.DataFrame, suite: str) -> pd.DataFrame:
    """The sampler x NFE grid of the suite's last step, without curve cells and off-grid cells."""
    cells = on_grid(frame, suite)
    return cells[cells.step == FINAL]


def table(
    benchmark: Benchmark,
    frame: pd.DataFrame,
    root: Path,
    suite: str,
    metric: str,
    order: Callable[[list[str]], list[str]] = ordered,
) -> Table:
    """The suite's table of ``metric``. ``frame`` comes from `tidy.collect`; ``order`` is that of the methods."""
    cells = final_cells(frame, suite)
    rows = captions.reference_rows(benchmark, root, suite)
    numbers = summarise(cells, metric)
    anchors = anchor_rows(rows, captions.foreign_rows(root, rows), metric)
    digits = decimals(numbers["mean"])
    label = captions.metric_label(benchmark, metric)
    caption = (
        f"{benchmark.suite(suite)['title']}: {label}, mean ± standard deviation over seeds. Best of "
        f"each sampler and NFE in bold; — no result; † stale cells left out; (n) seeds if incomplete. "
        f"{captions.conditions(benchmark, cells, rows, suite)}"
    )
    return Table(
        pd.concat([numbers, anchors]) if len(anchors) else numbers,
        lambda markup: _wide(benchmark, suite, numbers, anchors, digits, order, markup),
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
        missing=("status", lambda status: status.isin(["missing", "unreadable"]).sum()),
    ).reset_index()
    # Distance of each mean to the best conceivable one, compared within a sampler and NFE.
    target = BEST[metric]
    loss = numbers["mean"] * -math.copysign(1, target) if math.isinf(target) else (numbers["mean"] - target).abs()
    rivals = loss.groupby([numbers.sampler, numbers.nfe])
    # A sole survivor of missing rivals has won nothing.
    numbers["best"] = (loss == rivals.transform("min")) & (rivals.transform("count") > 1)
    return numbers[LONG]


def anchor_rows(rows: dict, foreign: dict[str, dict], metric: str) -> pd.DataFrame:
    """Long-form rows of image sets without an NFE: sampler `foreign` or `reference`, method the name of the set."""
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
    benchmark: Benchmark,
    suite: str,
    numbers: pd.DataFrame,
    anchors: pd.DataFrame,
    digits: int,
    order: Callable[[list[str]], list[str]],
    markup: Markup,
) -> pd.DataFrame:
    declared = benchmark.suite(suite)
    entries = {key: group.iloc[0] for key, group in numbers.groupby(["sampler", "nfe", "method"])}
    nfes, lines = plan.nfe_of(benchmark, suite), {}
    for sampler in plan.samplers_of(benchmark, suite):
        fitting = [m for m in declared["methods"] if plan.fits(benchmark, Run(benchmark.scale, suite, m, 0), sampler)]
        for method in order(fitting):
            key = benchmark.samplers[sampler]["label"], benchmark.methods[method]["label"]
            cells = [entries.get((sampler, nfe, method)) for nfe in nfes]
            lines[tuple(map(markup.escape, key))] = [_entry(cell, digits, markup) for cell in cells]
    for row in anchors.itertuples():
        text = value_text(row.mean, row.std, digits, markup)
        # These sets have no NFE; repeating the value keeps every column comparable from top to bottom.
        name = captions.REFERENCE_LABELS[row.method] if row.sampler == "reference" else row.method
        lines[row.sampler.capitalize(), markup.escape(name)] = [text] * len(nfes)
    index = pd.MultiIndex.from_tuples(lines, names=["Sampler", "Method"])
    return pd.DataFrame(list(lines.values()), index=index, columns=[f"NFE {nfe}" for nfe in nfes])


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
