"""Convergence: the distance in the course of training, once per image seen and once per parameter update."""

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.judgement.paired import continued, gains_in_course
from atbench.reading.rows import Rows
from atbench.report.figures import (
    INTERVAL,
    PANEL,
    SPREAD,
    beside,
    distance_label,
    draw_floor,
    empty,
    fit_distance,
    heading,
    legend,
    sheet,
    title,
)
from atbench.report.style import REFERENCE, looks, narrow
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.models.suites import SCRATCH

COUNTS = {"batches": "by images seen", "updates": "by parameter updates"}
WORST = -100  # per cent of a gain: a bar that goes on below would hide all others


def convergence(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    """What the same images, or the same number of optimizer steps, are worth: the distance, and the gain it makes.

    With one sampler the distance stands above, mean and spread over seeds, and below it the gain over the suite's first
    method at equal batches and at equal updates, by paired seeds. With several the gain stands alone: seeds differ by
    more than methods do. ``cells`` are the suite's declared cells, ``rows`` the reference rows (or {}). A method that
    continues another starts where that one ended.
    """
    assert suite.curves is not None
    cells = curve_cells(suite, cells)
    if cells[suite.leads].isna().all():
        return empty(title(suite, cells))
    samplers = list(suite.curves.samplers)
    marks = f"means, bars {INTERVAL} cut at {WORST} %; positive: better than {suite.method(suite.methods[0]).label}."
    if len(samplers) == 1:
        figure = _distance_above_gain(suite, cells, rows)
        marks = f"{_setting(suite, cells)}. Above: means, bands {SPREAD}. Below: {marks}"
    else:
        figure = _gains_alone(suite, cells, samplers)
        marks = marks[0].upper() + marks[1:]
    heading(figure, title(suite, cells), marks)
    legend(figure)
    return figure


def _distance_above_gain(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    figure = sheet(2 * PANEL)
    panels = figure.subplots(2, 2, sharey="row", sharex="col")
    for above, below, count in zip(*panels, COUNTS):
        _distances(above, suite, cells, count)
        draw_floor(above, suite, rows)
        _gains(below, suite, cells, count)
        above.set_title(COUNTS[count])
        below.set_xlabel(_axis(suite, count))
    fit_distance(panels[0, 0].yaxis, suite, cells, rows)
    panels[0, 0].set_ylabel(distance_label(suite))
    panels[1, 0].set_ylabel(_gain_label(suite))
    return figure


def _gains_alone(suite: Suite, cells: pd.DataFrame, samplers: list[str]) -> Figure:
    """A panel per sampler and way to count; samplers stand beside each other where there is room."""
    places = [(sampler, count) for count in COUNTS for sampler in samplers]
    columns = len(samplers)
    if narrow():
        places, columns = [(sampler, count) for sampler in samplers for count in COUNTS], len(COUNTS)
    lines = len(places) // columns
    figure = sheet(PANEL * lines)
    panels = figure.subplots(lines, columns, sharey=True, sharex="col" if narrow() else "row", squeeze=False)
    for axes, (sampler, count) in zip(panels.flat, places):
        chosen = cells[cells.sampler == sampler]
        _gains(axes, suite, chosen, count)
        axes.set_title(_setting(suite, chosen))
        axes.set_xlabel(_axis(suite, count))
    for axes in panels[:, 0]:
        axes.set_ylabel(_gain_label(suite))
    return figure


def _setting(suite: Suite, cells: pd.DataFrame) -> str:
    return f"{suite.sampler(cells.sampler.iloc[0]).label}, {cells.nfe.iloc[0]} NFE"


def _axis(suite: Suite, count: str) -> str:
    words = f"batches of {suite.training.batch_size} images" if count == "batches" else "parameter updates"
    return words if suite.init == SCRATCH else f"{words}\nafter {suite.init}"


def _gain_label(suite: Suite) -> str:
    return f"gain over {suite.method(suite.methods[0]).label}\n(% of its distance)"


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
    points = cells[(cells.method == name) & cells[suite.leads].notna()]
    if method.continues and len(points):
        before = cells[(cells.method == method.continues) & cells[suite.leads].notna()]
        points = pd.concat([before[before.step == FINAL], points])
    return points.groupby(count)[suite.leads].mean(), points


def _distances(axes: Axes, suite: Suite, cells: pd.DataFrame, count: str) -> None:
    for name, look in looks(suite).items():
        mean, points = course(suite, cells, name, count)
        std = points.groupby(count)[suite.leads].std().fillna(0)
        label = suite.method(name).label
        if len(mean):
            axes.plot(mean.index, mean, color=look.colour, marker=look.marker, linestyle=look.line, label=label)
            axes.fill_between(mean.index, mean - std, mean + std, color=look.colour, alpha=0.12, linewidth=0)
    _count_axis(axes)


def _gains(axes: Axes, suite: Suite, cells: pd.DataFrame, count: str) -> None:
    """Methods that do not continue the first, against it; their bars stand side by side."""
    axes.axhline(0, color=REFERENCE.colour, lw=0.8)
    styles, first = looks(suite), continued(suite)
    found = {name: gains_in_course(suite, cells, name, count) for name in styles if name not in first}
    drawn = {name: rows for name, rows in found.items() if len(rows)}
    step = 0.02 * max([cells[count].max(), 1])
    for place, (name, rows) in enumerate(drawn.items()):
        low = rows.low.fillna(rows["mean"]).clip(lower=WORST / 100)
        span = [rows["mean"] - low.clip(upper=rows["mean"]), rows.high.fillna(rows["mean"]) - rows["mean"]]
        axes.errorbar(
            rows["count"] + beside(place, len(drawn), step),
            100 * rows["mean"],
            [100 * side for side in span],
            color=styles[name].colour,
            marker=styles[name].marker,
            linestyle=styles[name].line,
            elinewidth=0.8,
            label=suite.method(name).label,
        )
    _count_axis(axes)


def _count_axis(axes: Axes) -> None:
    axes.xaxis.set_major_locator(ticker.MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
