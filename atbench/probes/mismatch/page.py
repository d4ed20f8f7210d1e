"""Figures and table of the mismatch between training and sampling, of the rows that `rows.collect` reads."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.judgement.statistics import interval
from atbench.probes.mismatch import PROBE
from atbench.probes.mismatch.rows import exposure
from atbench.reading.methods import ordered
from atbench.report.figures import (
    INTERVAL,
    ONE_TWO_FIVE,
    PANEL,
    SPREAD,
    beside,
    empty,
    heading,
    legend,
    log_axis,
    sheet,
)
from atbench.report.render import Markup, Table
from atbench.report.style import NFE_MARKERS, REFERENCE, Style, looks, narrow
from atbench.report.tables import value_text
from atbench.spec.benchmark import Suite

DIGITS = 3  # of the table's ratios
AXES = {  # measure -> (column, label of the y axis)
    "exposure": ("distance", "Fréchet distance of states,\nas a share of their variance"),
    "eps-norm": ("eps_ratio", "norm of the predicted noise,\nsampled over true states"),
    "recovery": ("recovered", "share of the error taken back"),
}
KINDS = {"random": "random delta", "published": "delta as published", "worst": "worst delta found"}
TITLES = {
    "exposure": "where sampling goes and training was",
    "eps-norm": "what the network says there",
    "recovery": "the sampler's own error, one step later",
    "robust-loss": "the loss around noisy images",
}


def figure(suite: Suite, frame: pd.DataFrame, measure: str) -> Figure:
    """One of the probe's FIGURES: values above, and below how much methods differ from the first by paired seeds."""
    seeds = frame.seed.nunique() if len(frame) else 0
    title = f"{suite.title} (scale {suite.scale}; {seeds} seed{'s' if seeds != 1 else ''}): {TITLES[measure]}."
    if frame.empty:
        return empty(title)
    draw = _robust if measure == "robust-loss" else partial(_over_time, measure=measure)
    drawn = draw(suite, frame)
    first = suite.method(suite.methods[0]).label
    heading(drawn, title, f"Above: means, bands {SPREAD}. Below: differences from {first}, bars {INTERVAL}.")
    legend(drawn)
    return drawn


def _over_time(suite: Suite, frame: pd.DataFrame, measure: str) -> Figure:
    (column, label), nfe = AXES[measure], PROBE.settings(suite.benchmark).nfe
    part = frame[frame.part == ("recovery" if measure == "recovery" else "exposure")]
    samplers = [None] if measure == "recovery" else list(part.sampler.unique())
    relative = measure != "recovery"  # a share may be zero
    figure = sheet(2 * PANEL)
    panels = figure.subplots(2, len(samplers), squeeze=False, sharey="row", sharex="col")
    for above, below, sampler in zip(*panels, samplers):
        chosen = part if sampler is None else part[part.sampler == sampler]
        _lines(above, suite, chosen, "t", column)
        if measure == "exposure":
            floor = chosen.groupby("t").floor.mean()
            above.plot(floor.index, floor, color=REFERENCE.colour, linestyle=(0, (2, 2)), lw=0.9, label="true states")
        if relative:
            log_axis(above.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))
        _differences(below, suite, chosen, "t", column, relative)
        below.set_xlabel("timestep t" if narrow() else "timestep t (right: more noise)")
        above.set_title("" if sampler is None else f"{suite.sampler(sampler).label}, {nfe} NFE")
    panels[0, 0].set_ylabel(label)
    panels[1, 0].set_ylabel(_from_first(suite, "%" if relative else "share"))
    return figure


def _robust(suite: Suite, frame: pd.DataFrame) -> Figure:
    """A column per way to choose delta: above, the first method's loss over its clean loss, below, how others differ.

    The lines of all methods lie on one another; so above there is one method at every radius, and below the largest.
    """
    part = frame[frame.part == "robust_loss"]
    radii, first = sorted(part.radius.unique()), suite.methods[0]
    figure = sheet(2 * PANEL)
    panels = figure.subplots(2, len(KINDS), sharex=True, sharey="row")
    for above, below, (kind, words) in zip(*panels, KINDS.items()):
        ratios = with_ratio(part, kind)
        for radius, marker in zip(radii, NFE_MARKERS):
            line = over_seeds(ratios[ratios.radius == radius], first, "t", "ratio")
            label = f"{suite.method(first).label}, radius {radius:g}"
            _line(above, line, Style(looks(suite)[first].colour, marker), label)
        above.axhline(1, color=REFERENCE.colour, lw=0.6)
        log_axis(above.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))
        _differences(below, suite, ratios[ratios.radius == radii[-1]], "t", "ratio", True)
        above.set_title(words)
        below.set_xlabel("timestep t" if narrow() else "timestep t (right: more noise)")
    panels[0, 0].set_ylabel("loss at the noisy image\nmoved by delta, over\nthat of the image itself")
    panels[1, 0].set_ylabel(_from_first(suite, "%") + f"\nat radius {radii[-1]:g}")
    return figure


def _from_first(suite: Suite, unit: str) -> str:
    return f"difference from {suite.method(suite.methods[0]).label} ({unit})"


def over_seeds(rows: pd.DataFrame, method: str, x: str, y: str) -> pd.DataFrame:
    """Columns mean and std of ``y`` over a method's seeds, by ``x``."""
    return rows[rows.method == method].groupby(x)[y].agg(["mean", "std"])


def with_ratio(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows of the robust loss with the loss of one way to choose delta as a share of the clean loss: ``ratio``."""
    return rows.assign(ratio=rows[kind] / rows.clean)


def _lines(axes: Axes, suite: Suite, rows: pd.DataFrame, x: str, y: str) -> None:
    for method, look in looks(suite).items():
        _line(axes, over_seeds(rows, method, x, y), look, suite.method(method).label)


def _line(axes: Axes, spread: pd.DataFrame, look: Style, label: str) -> None:
    axes.plot(spread.index, spread["mean"], color=look.colour, marker=look.marker, linestyle=look.line, label=label)
    low, high = (spread["mean"] + sign * spread["std"].fillna(0) for sign in (-1, 1))
    axes.fill_between(spread.index, low, high, color=look.colour, alpha=0.12, linewidth=0)


def differences(suite: Suite, rows: pd.DataFrame, method: str, x: str, y: str, relative: bool) -> pd.DataFrame:
    """How a method's ``y`` differs from the first method's of the same seed, by ``x``: columns mean, low and high.

    ``relative``: in per cent, by the mean log ratio; else in the unit of ``y``. Low and high are the bounds of the 95 %
    t-interval, equal to the mean with one seed.
    """
    ours, first = (rows[rows.method == name].set_index([x, "seed"])[y] for name in (method, suite.methods[0]))
    found = ((np.log(ours) - np.log(first)) if relative else ours - first).dropna()
    made = {at: interval(values) for at, values in found.groupby(level=x)}
    spread = pd.DataFrame.from_dict(made, "index", columns=["mean", "std", "n", "low", "high"])[["mean", "low", "high"]]
    spread = spread.apply(lambda column: column.fillna(spread["mean"]))
    return 100 * np.expm1(spread) if relative else spread


def _differences(axes: Axes, suite: Suite, rows: pd.DataFrame, x: str, y: str, relative: bool) -> None:
    """Every method but the first, side by side at each ``x``."""
    axes.axhline(0, color=REFERENCE.colour, lw=0.8)
    others = {name: look for name, look in looks(suite).items() if name != suite.methods[0]}
    step = 0.014 * (rows[x].max() - rows[x].min())
    for place, (method, look) in enumerate(others.items()):
        found = differences(suite, rows, method, x, y, relative)
        axes.errorbar(
            found.index + beside(place, len(others), step),
            found["mean"],
            [found["mean"] - found.low, found.high - found["mean"]],
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            lw=0.6,
            elinewidth=0.8,
            label=suite.method(method).label,
        )


def table(suite: Suite, frame: pd.DataFrame) -> Table:
    """Every measure as one number per method, where sampling is nearly done: mean and spread over seeds."""
    summary = _summary(frame) if len(frame) else pd.DataFrame(columns=["method", "measure", "mean", "std", "seeds"])

    def text(markup: Markup) -> pd.DataFrame:
        names = list(dict.fromkeys(summary.measure))
        labels = [suite.method(method).label for method in ordered(suite)]
        index = pd.MultiIndex.from_product([[suite.title], labels], names=["Suite", "Method"])
        rows = []
        for method in ordered(suite):
            own = summary[summary.method == method].set_index("measure")
            rows.append([_entry(own, name, markup) for name in names])
        return pd.DataFrame(rows, index=index, columns=names)

    seeds = int(summary.seeds.max()) if len(summary) else 0
    caption = (
        f"Mismatch between training and sampling, suite {suite.name}, scale {suite.scale}, {seeds} seeds (mean ± std). "
        "Exposure: the distance's geometric mean over the trajectory. Other distances and ratios at its least noisy "
        "step above t = 0; error and recovery likewise; losses at the largest radius and smallest t, over the clean "
        "loss."
    )
    return Table(summary, text, caption)


def _summary(frame: pd.DataFrame) -> pd.DataFrame:
    """Long form: method, measure, mean, std, seeds."""
    late = frame[(frame.part != "robust_loss") & (frame.t > 0)]
    late = late[late.t == late.groupby(["part", "sampler"], dropna=False).t.transform("min")]
    overall = exposure(frame).set_index(["method", "seed"])
    columns = {}
    for sampler in late.sampler.dropna().unique():
        rows = late[late.sampler == sampler].set_index(["method", "seed"])
        columns[f"exposure, {sampler}"] = overall[overall.sampler == sampler].exposure
        columns |= {f"distance, {sampler}": rows.distance, f"eps ratio, {sampler}": rows.eps_ratio}
    steps = late[late.part == "recovery"].set_index(["method", "seed"])
    robust = frame[frame.part == "robust_loss"]
    robust = robust[(robust.t == robust.t.min()) & (robust.radius == robust.radius.max())].set_index(["method", "seed"])
    columns |= {"step error": steps.error, "recovered": steps.recovered}
    columns |= {f"{kind} loss": robust[kind] / robust.clean for kind in ("random", "published", "worst")}
    long = pd.DataFrame(columns).stack().rename_axis(["method", "seed", "measure"]).rename("value")
    found = long.groupby(["method", "measure"], sort=False).agg(["mean", "std", "count"]).reset_index()
    return found.rename(columns={"count": "seeds"})


def _entry(rows: pd.DataFrame, name: str, markup: Markup) -> str:
    if name not in rows.index:
        return markup.dash
    return value_text(*rows.loc[name, ["mean", "std"]], DIGITS, markup)
