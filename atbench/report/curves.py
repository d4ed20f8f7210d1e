"""Convergence: the distance in the course of training, once per image seen and once per parameter update."""

from typing import Any

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.reading.rows import Rows
from atbench.report.figures import PANEL, WIDTH, draw_floor, empty, fit_distance, legend, title
from atbench.report.style import looks
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.metrics import metric_label
from atbench.spec.models.suites import SCRATCH


def convergence(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    """A row of two panels per sampler of the suite's curves: mean over seeds, every seed as a faint point.

    ``cells`` are the suite's declared cells, ``rows`` the reference rows (or {}). A method that continues
    another starts where that one ended. The two columns answer two questions: what the same images, or the
    same number of optimizer steps, are worth.
    """
    assert suite.curves is not None
    cells = curve_cells(suite, cells)
    if cells.fd.isna().all():
        return empty(title(suite, cells))
    samplers = suite.curves.samplers
    figure = Figure(figsize=(WIDTH, PANEL * len(samplers) + 1.0))
    panels = figure.subplots(len(samplers), 2, squeeze=False, sharey="row", sharex="col")
    for line, sampler in zip(panels, samplers):
        chosen = cells[cells.sampler == sampler]
        for axes, count in zip(line, ("batches", "updates")):
            _panel(axes, suite, chosen, count)
            draw_floor(axes, rows)
        if chosen.fd.notna().any():
            fit_distance(line[0].yaxis, chosen.fd, rows)
        setting = f"{suite.sampler(sampler).label}, {chosen.nfe.iloc[0]} NFE"
        line[0].set_ylabel(f"{metric_label('fd', suite.extractor)}\n{setting}")
    _name_budgets(suite, panels)
    figure.suptitle(title(suite, cells))
    legend(figure)
    return figure


def curve_cells(suite: Suite, cells: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``cells`` that lie on the suite's convergence curves."""
    runs = [suite.run(method, seed) for method, seed in {*zip(cells.method, cells.seed)}]
    wanted = {tuple(cell.address.axes.values()) for run in runs for cell in run.curve_cells}
    keys = cells[["scale", "suite", "method", "seed", "step", "sampler", "nfe"]].itertuples(index=False, name=None)
    return cells[[key in wanted for key in keys]]


def course(suite: Suite, cells: pd.DataFrame, name: str, count: str) -> tuple[pd.Series, pd.DataFrame]:
    """The mean distance of a method by ``count`` (batches or updates), and the cells that it is a mean of.

    A method that continues another starts with the last of that one's.
    """
    method = suite.method(name)
    points = cells[(cells.method == name) & cells.fd.notna()]
    if method.continues and len(points):
        before = cells[(cells.method == method.continues) & cells.fd.notna()]
        points = pd.concat([before[before.step == FINAL], points])
    return points.groupby(count).fd.mean(), points


def _panel(axes: Axes, suite: Suite, cells: pd.DataFrame, count: str) -> None:
    for name, look in looks(suite).items():
        mean, points = course(suite, cells, name, count)
        label = suite.method(name).label
        axes.plot(mean.index, mean, color=look.colour, marker=look.marker, linestyle=look.line, label=label)
        if points.seed.nunique() > 1:
            axes.scatter(points[count], points.fd, s=8, color=look.colour, alpha=0.35, linewidths=0)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))


def _name_budgets(suite: Suite, panels: Any) -> None:
    panels[0, 0].set_title("by images seen")
    panels[0, 1].set_title("by parameter updates")
    after = "" if suite.init == SCRATCH else f"\nafter {suite.init}"
    panels[-1, 0].set_xlabel(f"training batches (of {suite.training.batch_size} images){after}")
    panels[-1, 1].set_xlabel(f"parameter updates (optimizer steps){after}")
