"""The mismatch on the page: the curves of its printed figures, one panel each."""

import altair as alt
import pandas as pd

from atbench.probes.mismatch import PROBE
from atbench.probes.mismatch.page import AXES, over_seeds, with_ratio
from atbench.reading.origins import probe_key
from atbench.report.page.panels import Lines, Panel, legend, lines, vertical
from atbench.spec.benchmark import Suite

TITLES = {
    "exposure": "Where sampling goes, against where training was",
    "eps-norm": "What the network says there",
    "recovery": "The sampler's own error, one step later",
}
KIND = "published"  # way to choose delta; with the others the methods' lines lie on one another


def panels(suite: Suite, frame: pd.DataFrame) -> list[Panel]:
    """A panel per measure, and per sampler where it follows one: mean over seeds, one standard deviation as a band."""
    if frame.empty:
        return []
    made, nfe = [], PROBE.settings(suite.benchmark).nfe
    for measure in AXES:
        part = frame[frame.part == ("recovery" if measure == "recovery" else "exposure")]
        for sampler in [None] if measure == "recovery" else list(part.sampler.unique()):
            rows = part if sampler is None else part[part.sampler == sampler]
            at = f": {suite.sampler(sampler).label}, {nfe} NFE" if sampler else ""
            made.append(_over_time(suite, rows, measure, at))
    robust = frame[frame.part == "robust_loss"]
    least = robust[robust.t == robust.t.min()]  # of the printed figure's levels the one nearest to an image
    return [*made, _robust(suite, with_ratio(least, KIND))]


def _over_time(suite: Suite, rows: pd.DataFrame, measure: str, at: str) -> Panel:
    column, label = AXES[measure]
    x = alt.X("x:Q", title="Timestep t (right: more noise)", axis=alt.Axis(grid=False, tickCount=5))
    drawn = _rows(suite, rows, "t", column)
    shown = Lines(drawn, x, vertical(label.replace("\n", " "), drawn, None, measure == "exposure"), "band")
    return Panel(f"{TITLES[measure]}{at}", lines(legend(suite), shown))


def _robust(suite: Suite, rows: pd.DataFrame) -> Panel:
    radii = sorted(rows.radius.unique())
    ticks = alt.Axis(values=radii, grid=False)
    x = alt.X("x:Q", title="Radius (RMS per dimension)", scale=alt.Scale(type="log", nice=False), axis=ticks)
    drawn = _rows(suite, rows, "radius", "ratio")
    shown = Lines(drawn, x, vertical("Loss / clean loss", drawn, 1.0, True), "band", level=1.0)
    return Panel(f"Loss around noisy images: {KIND} delta, t = {rows.t.iloc[0]:.0f}", lines(legend(suite), shown))


def _rows(suite: Suite, rows: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    made = []
    for method in dict.fromkeys(rows.method):
        spread, label = over_seeds(rows, method, x, y), suite.method(method).label
        for at, mean, std in zip(spread.index, spread["mean"], spread["std"]):
            around = 0.0 if std != std else std
            said = f"{label}, {x} {at:g}: {mean:.4g}" + (f" ± {std:.2g}" if std == std else "")
            row = {"m": label, "x": at, "mean": mean, "low": mean - around, "high": mean + around, "words": said}
            made.append(row | {"o": probe_key(suite.name, method, PROBE.name)})
    return pd.DataFrame(made)
