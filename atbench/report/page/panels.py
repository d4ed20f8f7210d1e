"""The panels that figures of the page consist of, as Vega-Lite.

A panel is as wide as its place. It reads the parameter `shown`, the labels of the methods that are switched on, and its
points name their origin in the field ``o``.
"""

import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from atbench.report.page.looks import DASHES, path
from atbench.report.style import REFERENCE, Style, looks
from atbench.spec.benchmark import Suite

HEIGHT = 230  # pixels of a panel
STEPS = (1, 1.5, 2, 3, 5, 7)  # multiples of powers of ten that a logarithmic axis names
ROWS, POINTS = alt.NamedData("rows"), alt.NamedData("points")  # put in at the end: Altair copies what it holds
GREY = REFERENCE.colour
Legend = dict[str, Style]  # label of a method -> how it looks


@dataclass(frozen=True)
class Panel:
    """One panel: its title, and the Vega-Lite specification that is as wide as its place."""

    title: str
    spec: dict[str, Any]


@dataclass(frozen=True)
class Vertical:
    """An axis of values: its title, whether it is logarithmic, and its ends where they are set."""

    title: str
    ends: tuple[float, float] | None = None  # both positive, of a logarithmic axis

    @property
    def scale(self) -> alt.Scale:
        if self.ends is None:
            return alt.Scale(zero=False)
        return alt.Scale(type="log", domain=list(self.ends), clamp=True, nice=False)

    @property
    def axis(self) -> alt.Axis:
        if self.ends is None:
            return alt.Axis(tickCount=5)
        low, high = self.ends
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in STEPS]
        return alt.Axis(values=[round(tick, 12) for tick in ticks if low <= tick <= high], format="~g")


@dataclass(frozen=True)
class Lines:
    """What a panel of lines shows. ``rows``: m (a method's label), x, mean, low, high, words, o (key of the origin)."""

    rows: pd.DataFrame
    x: alt.X
    y: "Vertical"
    spread: str  # "bar", "band" or nothing: how low to high is drawn
    level: float | None = None  # a dashed line: the floor, or what is equal
    points: pd.DataFrame | None = None  # m, x, y: single seeds, drawn faint


def legend(suite: Suite) -> Legend:
    """Label -> look of a suite's methods, in the order of tables."""
    return {suite.method(name).label: style for name, style in looks(suite).items()}


def lines(methods: Legend, shown: Lines) -> dict[str, Any]:
    """The specification of a panel of lines, one per method."""
    base = alt.Chart(ROWS).encode(x=shown.x, color=colours(methods))
    y, layers = alt.Y("mean:Q", title=shown.y.title, scale=shown.y.scale, axis=shown.y.axis), []
    if shown.level is not None:
        level = alt.Chart(alt.InlineData([{"level": shown.level}]))
        words = f"{shown.level:.4g}"
        layers.append(
            level.mark_rule(strokeDash=[2, 2], color=GREY).encode(y="level:Q", tooltip=alt.TooltipValue(words))
        )
    if shown.points is not None and len(shown.points):
        faint = alt.Chart(POINTS).mark_point(filled=True, size=16, opacity=0.35)
        layers.append(faint.encode(x="x:Q", y="y:Q", color=colours(methods)))
    if shown.spread == "band":
        layers.append(base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q", scale=shown.y.scale), y2="high:Q"))
    if shown.spread == "bar":
        layers.append(base.mark_rule(strokeWidth=1.2).encode(y=alt.Y("low:Q", scale=shown.y.scale), y2="high:Q"))
    dashes = alt.Scale(domain=list(methods), range=[DASHES[style.line] for style in methods.values()])
    shapes = alt.Scale(domain=list(methods), range=[path(style) for style in methods.values()])
    dash = alt.StrokeDash("m:N", scale=dashes, legend=None)
    layers.append(base.mark_line(strokeWidth=1.6).encode(y=y, strokeDash=dash))
    tip = alt.Tooltip("words:N", title=" ")
    layers.append(
        base.mark_point(filled=True, size=55, opacity=1, cursor="pointer").encode(
            y=y, shape=alt.Shape("m:N", scale=shapes, legend=None), tooltip=tip
        )
    )
    return finished(alt.layer(*layers), methods, HEIGHT, {"rows": shown.rows, "points": shown.points})


def finished(
    chart: alt.LayerChart, methods: Legend, height: int, rows: dict[str, pd.DataFrame | None]
) -> dict[str, Any]:
    """The specification of a chart of layers over ``rows``, the data sets by name."""
    spec: dict[str, Any] = chart.properties(width="container", height=height).to_dict(
        validate=False
    )  # a test does, once
    spec["params"] = [{"name": "shown", "value": list(methods)}]
    for layer in spec["layer"]:
        if "color" in layer["encoding"]:
            layer["transform"] = [{"filter": "indexof(shown, datum.m) >= 0"}]
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    own = {name: _records(frame) for name, frame in rows.items() if frame is not None}
    spec["datasets"] = spec.get("datasets", {}) | own
    spec.pop("config", None)  # of the page, the same for all
    spec.pop("$schema", None)
    return spec


def vertical(title: str, rows: pd.DataFrame, level: float | None, ratios: bool) -> Vertical:
    """The axis of rows with a mean: logarithmic where ``ratios`` are what counts and the values span more than twofold.

    All means and upper ends of bars lie inside; a bar that reaches below is cut there.
    """
    shown = [*rows["mean"], *([level] if level is not None else [])]
    if not (ratios and shown and min(shown) > 0 and max(shown) > 2 * min(shown)):
        return Vertical(title)
    high = rows["mean"] + (rows["std"].fillna(0) if "std" in rows else 0)
    return Vertical(title, (min(shown) / 1.15, max([*high, *shown]) * 1.1))


def colours(methods: Legend) -> alt.Color:
    """One colour per method."""
    scale = alt.Scale(domain=list(methods), range=[style.colour for style in methods.values()])
    return alt.Color("m:N", scale=scale, legend=None)


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return found
