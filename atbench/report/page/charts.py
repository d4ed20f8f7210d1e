"""Figures of the page, as Vega-Lite: what the printed figures draw, with the number under the pointer in words.

Each figure is a row of panels, so that it fits any width.
"""

import math
from itertools import cycle

import altair as alt
import pandas as pd

from atbench.reading.origins import cell_key
from atbench.reading.tidy import on_grid
from atbench.report.curves import course, curve_cells
from atbench.report.page.looks import PATHS
from atbench.report.page.panels import HEIGHT, ROWS, Legend, Lines, Panel, colours, finished, legend, lines, vertical
from atbench.report.style import NFE_MARKERS, looks
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import nfe_of, samplers_of
from atbench.spec.metrics import METRICS, metric_label

MARKS = ("floor", "mark")  # rows of a table of which it has one: how good samples can be
DODGE = 0.035  # of a logarithmic axis between methods of one step count, so that their bars lie side by side


def quality(suite: Suite, numbers: pd.DataFrame, metric: str) -> list[Panel]:
    """A metric against the step count, a panel per sampler. ``numbers`` are those of the metric's table."""
    cells = numbers[numbers.n > 0]
    floor = numbers[(numbers.sampler == "reference") & numbers.method.isin(MARKS)]["mean"]
    level = float(floor.iloc[0]) if len(floor) else None
    y = vertical(_capital(metric_label(metric, suite.extractor)), cells, level, bool(METRICS[metric].unit))
    names = list(looks(suite))
    panels = []
    for sampler in samplers_of(suite):
        own, nfes = cells[cells.sampler == sampler], nfe_of(suite, sampler)
        if own.empty:
            continue
        shift = own.method.map(lambda name: DODGE * (names.index(name) - (len(names) - 1) / 2))
        rows = _rows(suite, own).assign(x=[float(x) for x in own.nfe * shift.map(math.exp)])
        rows["o"] = [cell_key(suite.name, row.method, FINAL, sampler, row.nfe) for row in own.itertuples()]
        at = f"{suite.sampler(sampler).label}, " + own.nfe.map(lambda nfe: f"{nfe:.0f} NFE")
        rows["words"] = at.to_numpy() + ": " + rows.words
        edges = [nfes[0] / 1.25, nfes[-1] * 1.25]
        ticks = alt.Axis(values=nfes, format="d", grid=False, labelOverlap=True)
        x = alt.X("x:Q", title="NFE (network evaluations)", axis=ticks, scale=alt.Scale(type="log", domain=edges))
        panels.append(Panel(suite.sampler(sampler).label, lines(legend(suite), Lines(rows, x, y, "bar", level))))
    return panels


def convergence(suite: Suite, frame: pd.DataFrame) -> list[Panel]:
    """The distance in the course of training, by images seen and by parameter updates, two panels per sampler."""
    if suite.curves is None:
        return []
    cells, panels = curve_cells(suite, on_grid(frame, suite)), []
    for sampler in suite.curves.samplers:
        chosen = cells[(cells.sampler == sampler) & cells[suite.leads].notna()]
        for count, words in (("batches", "training batches"), ("updates", "parameter updates")) if len(chosen) else ():
            rows, points = _course(suite, cells[cells.sampler == sampler], count, words)
            title = f"{words}, of {suite.training.batch_size} images" if count == "batches" else words
            x = alt.X("x:Q", title=_capital(title), axis=alt.Axis(tickCount=5, grid=False))
            y = vertical(metric_label(suite.leads, suite.extractor), rows, None, True)
            at = f"{suite.sampler(sampler).label}, {chosen.nfe.iloc[0]} NFE, by {words}"
            panels.append(Panel(at, lines(legend(suite), Lines(rows, x, y, "", points=points))))
    return panels


def _course(suite: Suite, cells: pd.DataFrame, count: str, words: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    means, points = [], []
    for name in looks(suite):
        mean, seen = course(suite, cells, name, count)
        label = suite.method(name).label
        at = seen.drop_duplicates(count).set_index(count)
        for x, value in mean.items():
            where = at.loc[x]
            key = cell_key(suite.name, where.method, where.step, where.sampler, where.nfe)
            said = f"{label}, {x:,.0f} {words}: {value:.4g} (mean of {(seen[count] == x).sum()})"
            means.append({"m": label, "x": x, "mean": value, "low": value, "high": value, "words": said, "o": key})
        points += [{"m": label, "x": x, "y": y} for x, y in zip(seen[count], seen[suite.leads])]
    return pd.DataFrame(means), pd.DataFrame(points)


def view(suite: Suite, methods: Legend, numbers: pd.DataFrame) -> list[Panel]:
    """The distance of every method of a view, one row each, a panel per sampler; the marker tells the step count.

    ``methods`` is the legend of the whole suite: a method looks alike in all of its views.
    """
    cells, nfes = numbers[numbers.n > 0], nfe_of(suite)
    if cells.empty:
        return []
    markers = [PATHS[marker] for _, marker in zip(nfes, cycle(NFE_MARKERS))]
    shapes = alt.Scale(domain=[f"{nfe} NFE" for nfe in nfes], range=markers)
    panels = []
    for sampler in samplers_of(suite):
        own = cells[cells.sampler == sampler]
        rows = _rows(suite, own).assign(nfe=[f"{nfe:.0f} NFE" for nfe in own.nfe])
        rows["o"] = [cell_key(suite.name, row.method, FINAL, sampler, row.nfe) for row in own.itertuples()]
        rows["words"] = rows.nfe + ": " + rows.words
        order = [suite.method(name).label for name in suite.methods]
        base = alt.Chart(ROWS).encode(
            y=alt.Y("m:N", title=None, sort=order, axis=alt.Axis(labelLimit=170)),
            yOffset=alt.YOffset("nfe:N", sort=[f"{nfe} NFE" for nfe in nfes]),
            color=colours(methods),
        )
        axis = vertical(f"{metric_label(suite.leads, suite.extractor)} (lower is better)", cells, None, True)
        bars = base.mark_rule(strokeWidth=1.2).encode(
            x=alt.X("low:Q", scale=axis.scale, axis=axis.axis, title=axis.title), x2="high:Q"
        )
        shape = alt.Shape("nfe:N", title=None, scale=shapes, legend=alt.Legend(orient="bottom"))
        marks = base.mark_point(filled=True, size=50, opacity=1).encode(
            x=alt.X("mean:Q", scale=axis.scale), shape=shape, tooltip=alt.Tooltip("words:N", title=" ")
        )
        height = max(HEIGHT, (12 + 9 * len(nfes)) * len(order))
        panels.append(Panel(suite.sampler(sampler).label, finished(bars + marks, methods, height, {"rows": rows})))
    return panels


def _rows(suite: Suite, numbers: pd.DataFrame) -> pd.DataFrame:
    """m, mean, low, high and words of rows of a table's numbers: a standard deviation over seeds to either side."""
    labels = [suite.method(name).label for name in numbers.method]
    spread = numbers["std"].fillna(0)
    said = [
        f"{label} {mean:.4g}" + (f" ± {std:.2g}" if std == std else "") + f" ({n:.0f} seed{'s' if n != 1 else ''})"
        for label, mean, std, n in zip(labels, numbers["mean"], numbers["std"], numbers.n)
    ]
    low, high = numbers["mean"] - spread, numbers["mean"] + spread
    columns = {"m": labels, "mean": numbers["mean"], "low": low, "high": high, "words": said}
    return pd.DataFrame({name: list(values) for name, values in columns.items()})


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
