"""Convergence: the distance in the course of training, once per image seen and once per parameter update."""

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.report.captions import metric_label
from atbench.report.figures import PANEL, WIDTH, draw_floor, empty, fit_distance, legend, title
from atbench.report.style import ordered, style
from atbench.spec.address import FINAL, Run


def convergence(benchmark: Benchmark, cells: pd.DataFrame, rows: dict, suite: str) -> Figure:
    """A row of two panels per sampler of the suite's curves: mean over seeds, every seed as a faint point.

    ``cells`` are the suite's declared cells, ``rows`` the reference rows (or {}). A method that continues
    another starts where that one ended. The two columns answer two questions: what the same images, or the
    same number of optimizer steps, are worth.
    """
    cells = curve_cells(benchmark, cells, suite)
    if cells.fd.isna().all():
        return empty(title(benchmark, cells, suite))
    samplers = benchmark.suite(suite)["curves"]["samplers"]
    figure = Figure(figsize=(WIDTH, PANEL * len(samplers) + 1.0))
    panels = figure.subplots(len(samplers), 2, squeeze=False, sharey="row", sharex="col")
    for line, sampler in zip(panels, samplers):
        chosen = cells[cells.sampler == sampler]
        for axes, count in zip(line, ("batches", "updates")):
            _panel(axes, benchmark, chosen, suite, count)
            draw_floor(axes, rows)
        if chosen.fd.notna().any():
            fit_distance(line[0].yaxis, chosen.fd, rows)
        setting = f"{benchmark.samplers[sampler]['label']}, {chosen.nfe.iloc[0]} NFE"
        line[0].set_ylabel(f"{metric_label(benchmark, 'fd')}\n{setting}")
    _name_budgets(benchmark, panels, suite)
    figure.suptitle(title(benchmark, cells, suite))
    legend(figure)
    return figure


def curve_cells(benchmark: Benchmark, cells: pd.DataFrame, suite: str) -> pd.DataFrame:
    """The rows of ``cells`` that lie on the suite's convergence curves."""
    runs = {Run(benchmark.scale, suite, method, seed) for method, seed in zip(cells.method, cells.seed)}
    wanted = {tuple(cell.axes.values()) for run in runs for cell in plan.curve_cells(benchmark, run)}
    keys = cells[["scale", "suite", "method", "seed", "step", "sampler", "nfe"]].itertuples(index=False, name=None)
    return cells[[key in wanted for key in keys]]


def _panel(axes: Axes, benchmark: Benchmark, cells: pd.DataFrame, suite: str, count: str) -> None:
    for method in ordered(benchmark.suite(suite)["methods"]):
        points = cells[(cells.method == method) & cells.fd.notna()]
        parent = benchmark.methods[method].get("continues")
        if parent and len(points):
            before = cells[(cells.method == parent) & cells.fd.notna()]
            points = pd.concat([before[before.step == FINAL], points])
        mean, look = points.groupby(count).fd.mean(), style(method)
        label = benchmark.methods[method]["label"]
        axes.plot(mean.index, mean, color=look.colour, marker=look.marker, linestyle=look.line, label=label)
        if points.seed.nunique() > 1:
            axes.scatter(points[count], points.fd, s=8, color=look.colour, alpha=0.35, linewidths=0)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))


def _name_budgets(benchmark: Benchmark, panels: list, suite: str) -> None:
    run = Run(benchmark.scale, suite, benchmark.suite(suite)["methods"][0], 0)
    size = slices.training_slice(benchmark, run)["batch_size"]
    panels[0, 0].set_title("by images seen")
    panels[0, 1].set_title("by parameter updates")
    init = plan.init_of(benchmark.suite(suite))
    after = "" if init == "scratch" else f"\nafter {init}"
    panels[-1, 0].set_xlabel(f"training batches (of {size} images){after}")
    panels[-1, 1].set_xlabel(f"parameter updates (optimizer steps){after}")
