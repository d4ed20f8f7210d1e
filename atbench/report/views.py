"""Views of a suite: some of its methods beside each other, in a table and a figure of their own.

A suite of many methods declares them under ``views:``, so that each question it was made for has its own page.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.reading.methods import budgets
from atbench.reading.rows import Rows
from atbench.report.figures import WIDTH, empty, fit_distance, legend, title
from atbench.report.style import NFE_STYLES
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import nfe_of, samplers_of
from atbench.spec.metrics import metric_label

ROW = 0.32  # inches, height of one method


def figure(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    """Distance of every method of a view, one row each, in the order declared; a panel per sampler.

    A point per NFE, mean over seeds, with their standard deviation as a bar; ``rows`` are the reference rows (or {}).
    """
    cells = cells[cells.step == FINAL]
    heading = title(suite, cells)
    if cells.fd.isna().all():
        return empty(heading)
    spent, samplers, methods = budgets(suite), samplers_of(suite), suite.methods
    drawn = Figure(figsize=(WIDTH, ROW * len(methods) + 1.6))
    panels = drawn.subplots(1, len(samplers), sharex=True, sharey=True, squeeze=False)[0]
    for axes, sampler in zip(panels, samplers):
        for place, nfe in enumerate(nfe_of(suite, sampler)):
            _points(axes, cells[(cells.sampler == sampler) & (cells.nfe == nfe)], methods, nfe, place)
        axes.set_title(suite.sampler(sampler).label)
        axes.set_xlabel(f"{metric_label('fd', suite.extractor)}\n(lower is better)")
    fit_distance(panels[0].xaxis, cells.fd, rows)
    panels[0].set_yticks(range(len(methods)), [f"{suite.method(name).label}\n({spent[name]})" for name in methods])
    panels[0].set_ylim(len(methods) - 0.5, -0.5)  # the first method on top
    drawn.suptitle(heading)
    legend(drawn)
    return drawn


def _points(axes: Axes, cells: pd.DataFrame, methods: tuple[str, ...], nfe: int, place: int) -> None:
    spread = cells.groupby("method").fd.agg(["mean", "std"]).reindex(list(methods))
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
