"""Views of a suite: some of its methods beside each other, in a table and a figure of their own.

A suite of many methods declares them under ``views:``, so that each question it was made for has its own page.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.reading.methods import budgets
from atbench.reading.rows import Rows
from atbench.report.figures import SPREAD, beside, distance_label, empty, fit_distance, heading, legend, sheet, title
from atbench.report.style import NFE_MARKERS, REFERENCE, looks, narrow
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import nfe_of, samplers_of

ROW = 0.33  # inches, height of one method


def figure(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    """Distance of every method of a view, one row each, in the order declared; a panel per sampler.

    A point per NFE, told by its marker, mean over seeds, with their standard deviation as a bar; the colour is the
    method's. ``rows`` are the reference rows (or {}).
    """
    cells = cells[cells.step == FINAL]
    if cells[suite.leads].isna().all():
        return empty(title(suite, cells))
    spent, samplers, methods = budgets(suite), samplers_of(suite), suite.methods
    lines = len(samplers) if narrow() else 1
    drawn = sheet(lines * (ROW * len(methods) + 0.35) + 0.2)
    panels = drawn.subplots(lines, len(samplers) // lines, sharex=True, sharey=True, squeeze=False)
    for axes, sampler in zip(panels.flat, samplers):
        nfes = nfe_of(suite, sampler)
        for place, nfe in enumerate(nfes):
            chosen = cells[(cells.sampler == sampler) & (cells.nfe == nfe)]
            _points(axes, suite, chosen, nfe, place, beside(place, len(nfes), 0.66 / len(nfes)))
        axes.set_title(suite.sampler(sampler).label)
        axes.grid(axis="y", visible=False)
        axes.grid(axis="x", visible=True)
    for axes in panels[-1]:
        axes.set_xlabel(distance_label(suite))
    fit_distance(panels[0, 0].xaxis, suite, cells, rows)
    names = [f"{suite.method(name).label}\n({spent[name].batches:,} / {spent[name].updates:,})" for name in methods]
    for axes in panels[:, 0]:
        axes.set_yticks(range(len(methods)), names)
    panels[0, 0].set_ylim(len(methods) - 0.5, -0.5)  # the first method on top
    marks = f"Points: mean over seeds; bars: {SPREAD}; in parentheses: batches / updates."
    heading(drawn, title(suite, cells), marks)
    legend(drawn)
    return drawn


def _points(axes: Axes, suite: Suite, cells: pd.DataFrame, nfe: int, place: int, below: float) -> None:
    """One point per method, so much below the middle of its row; the legend has the marker in grey."""
    marker, styles = NFE_MARKERS[place % len(NFE_MARKERS)], looks(suite)
    spread = cells.groupby("method")[suite.leads].agg(["mean", "std"]).reindex(list(suite.methods))
    for row, (name, at) in enumerate(spread.iterrows()):
        bar = 0.0 if pd.isna(at["std"]) else at["std"]
        axes.errorbar(at["mean"], row + below, xerr=bar, color=styles[name].colour, fmt=marker, elinewidth=0.8)
    axes.plot([], [], marker, color=REFERENCE.colour, label=f"{nfe} NFE (network evaluations)")
