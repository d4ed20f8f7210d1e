"""Differences between methods of one seed: sharing batches and latents makes them far less noisy."""

from pathlib import Path

import pandas as pd

from atbench.config import Benchmark
from atbench.judgement.statistics import interval
from atbench.plan import nfe_of
from atbench.report import captions
from atbench.report.render import MINUS, Markup, Table, signed
from atbench.report.style import ordered
from atbench.report.tables import decimals, final_cells

LONG = ["sampler", "nfe", "method", "baseline", "budget", "mean", "std", "n", "low", "high"]


def pairs(benchmark: Benchmark, suite: str) -> list[tuple[str, str]]:
    """(method, baseline): AT against every other method, then the others against the suite's first."""
    baseline, *_ = declared = benchmark.suite(suite)["methods"]
    challengers = [m for m in declared if benchmark.methods[m]["perturbation"]["kind"] == "adversarial"]
    methods = ordered(declared)
    against = [(m, other) for m in challengers for other in methods if other not in challengers]
    return against + [(m, baseline) for m in methods if m not in (baseline, *challengers)]


def table(benchmark: Benchmark, frame: pd.DataFrame, root: Path, suite: str) -> Table:
    """The suite's table of paired differences of the main distance."""
    cells = final_cells(frame, suite)
    rows = captions.reference_rows(benchmark, root, suite)
    numbers = differences(benchmark, cells, suite)
    distance = captions.metric_label(benchmark, "fd")
    caption = (
        f"{benchmark.suite(suite)['title']}: difference of {distance} between two methods of the same seed "
        f"(negative: first is better), mean over seeds with two-sided 95 % t-interval and, in parentheses, "
        f"the number of seeds; bold where the interval excludes zero (each for itself, not corrected for "
        f"the number of comparisons); one seed has no interval; — no pair. "
        f"{captions.conditions(benchmark, cells, rows, suite)}"
    )
    return Table(numbers, lambda markup: _wide(benchmark, suite, numbers, markup), caption)


def differences(benchmark: Benchmark, cells: pd.DataFrame, suite: str) -> pd.DataFrame:
    """Per sampler, NFE and pair: mean, std (divisor n - 1), n and 95 % t-interval of fd differences."""
    spent = captions.budgets(benchmark, suite)
    made = []
    for (sampler, nfe), group in cells.groupby(["sampler", "nfe"], sort=False):
        by_seed = group.pivot(index="seed", columns="method", values="fd")
        present = [pair for pair in pairs(benchmark, suite) if {*pair} <= {*by_seed.columns}]
        for method, baseline in present:
            values = (by_seed[method] - by_seed[baseline]).dropna()
            words = spent[method].against(spent[baseline])
            made.append((sampler, nfe, method, baseline, words, *interval(values)))
    return pd.DataFrame(made, columns=LONG)


def _wide(benchmark: Benchmark, suite: str, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    digits = decimals(numbers["mean"])
    label = {name: method["label"] for name, method in benchmark.methods.items()}
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in numbers.itertuples():
        name = f"{label[row.method]} {MINUS} {label[row.baseline]} ({row.budget})"
        key = markup.escape(benchmark.samplers[row.sampler]["label"]), markup.escape(name)
        lines.setdefault(key, {})[f"NFE {row.nfe}"] = _entry(row, digits, markup)
    index = pd.MultiIndex.from_tuples(lines, names=["Sampler", "Difference"])
    columns = [f"NFE {nfe}" for nfe in nfe_of(benchmark, suite)]
    return pd.DataFrame(list(lines.values()), index=index, columns=columns)


def _entry(row: tuple, digits: int, markup: Markup) -> str:
    if row.n == 0:
        return markup.dash
    text = signed(row.mean, digits, markup)
    if row.n > 1:
        text += f" [{signed(row.low, digits, markup)}, {signed(row.high, digits, markup)}]"
    excludes_zero = row.n > 1 and (row.low > 0 or row.high < 0)
    return f"{markup.bold.format(text) if excludes_zero else text} ({row.n})"
