"""Views of a suite: some of its methods beside each other, in a table and a figure of their own.

A suite of many methods declares them under ``views:``, so that each question it was made for has its own page.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.config import Benchmark
from atbench.judgement.claims import as_written
from atbench.judgement.statistics import interval
from atbench.plan import nfe_of, samplers_of
from atbench.report.captions import budgets, metric_label
from atbench.report.figures import WIDTH, empty, fit_distance, legend, title
from atbench.report.style import NFE_STYLES
from atbench.report.tables import final_cells
from atbench.spec.address import FINAL

ROW = 0.32  # inches, height of one method
SHARE = {"better": "lower", "margin": {"relative": 0.0}}  # how the gain of a claim on distances is written
GAINS = ["method", "mean", "std", "n", "low", "high"]


def narrowed(benchmark: Benchmark, frame: pd.DataFrame, suite: str, view: str) -> tuple[Benchmark, pd.DataFrame]:
    """The benchmark and the cells as if the suite had the methods of the view alone, under the view's title."""
    declared = benchmark.suites[suite]
    shown = declared["views"][view]
    own = declared | {"methods": shown["methods"], "title": f"{declared['title']}: {shown['title']}"}
    cells = frame[(frame.suite == suite) & frame.method.isin(shown["methods"])]
    return replace(benchmark, suites=benchmark.suites | {suite: own}), cells


def gains(benchmark: Benchmark, frame: pd.DataFrame, suite: str) -> pd.DataFrame:
    """What every method of a `narrowed` benchmark gains over the first: shares of its distance, positive if better.

    As in the verdicts on claims, a seed gives one number, its mean log ratio over the sampler x NFE grid, and a seed
    that lacks a cell of any method is left out; so all methods are judged by the same seeds. Columns: GAINS, with the
    95 % t-interval (NaN below two seeds); no row without a complete seed. ``std`` is that of the log ratios.
    """
    first, *others = benchmark.suite(suite)["methods"]
    distances = final_cells(frame, suite).pivot(index="seed", columns=["method", "sampler", "nfe"], values="fd")
    by_method = np.log(distances.dropna()).T.groupby(level="method").mean().T
    rows = [(method, *interval(by_method[first] - by_method[method])) for method in others] if len(by_method) else []
    made = pd.DataFrame(rows, columns=GAINS)
    return made.assign(**{key: [as_written(SHARE, gain) for gain in made[key]] for key in ("mean", "low", "high")})


def figure(benchmark: Benchmark, cells: pd.DataFrame, rows: dict, suite: str) -> Figure:
    """Distance of every method of a `narrowed` benchmark, one row each, in the order declared; a panel per sampler.

    A point per NFE, mean over seeds, with their standard deviation as a bar; ``rows`` are the reference rows (or {}).
    """
    cells = cells[cells.step == FINAL]
    heading = title(benchmark, cells, suite)
    if cells.fd.isna().all():
        return empty(heading)
    spent, samplers = budgets(benchmark, suite), samplers_of(benchmark, suite)
    methods = benchmark.suite(suite)["methods"]
    drawn = Figure(figsize=(WIDTH, ROW * len(methods) + 1.6))
    panels = drawn.subplots(1, len(samplers), sharex=True, sharey=True, squeeze=False)[0]
    for axes, sampler in zip(panels, samplers):
        for place, nfe in enumerate(nfe_of(benchmark, suite, sampler)):
            _points(axes, cells[(cells.sampler == sampler) & (cells.nfe == nfe)], methods, nfe, place)
        axes.set_title(benchmark.samplers[sampler]["label"])
        axes.set_xlabel(f"{metric_label(benchmark, 'fd')}\n(lower is better)")
    fit_distance(panels[0].xaxis, cells.fd, rows)
    panels[0].set_yticks(range(len(methods)), [f"{benchmark.methods[m]['label']}\n({spent[m]})" for m in methods])
    panels[0].set_ylim(len(methods) - 0.5, -0.5)  # the first method on top
    drawn.suptitle(heading)
    legend(drawn)
    return drawn


def _points(axes: Axes, cells: pd.DataFrame, methods: list[str], nfe: int, place: int) -> None:
    spread = cells.groupby("method").fd.agg(["mean", "std"]).reindex(methods)
    look = NFE_STYLES[place % len(NFE_STYLES)]
    axes.errorbar(
        spread["mean"],
        range(len(methods)),
        xerr=spread["std"].fillna(0),
        color=look.colour,
        marker=look.marker,
        linestyle="",
        capsize=2,
        label=f"{nfe} NFE",
    )
