"""Figures and table of the mismatch between training and sampling, of the rows that `rows.collect` reads."""

from functools import partial

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.probes.mismatch import PROBE
from atbench.probes.mismatch.rows import exposure
from atbench.reading.methods import ordered
from atbench.report.figures import ONE_TWO_FIVE, PANEL, WIDTH, empty, legend, log_axis
from atbench.report.render import Markup, Table
from atbench.report.style import REFERENCE, looks
from atbench.report.tables import value_text
from atbench.spec.benchmark import Suite

DIGITS = 3  # of the table's ratios
AXES = {  # measure -> (column, label of the y axis)
    "exposure": ("distance", "Frechet distance of x_t, share of variance"),
    "eps-norm": ("eps_ratio", "|eps_hat| on sampled / on true x_t"),
    "recovery": ("recovered", "share of the error taken back"),
}
TITLES = {
    "exposure": "where sampling goes and training was",
    "eps-norm": "what the network says there",
    "recovery": "the sampler's own error, one step later",
    "robust-loss": "the loss around noisy images",
}


def figure(suite: Suite, frame: pd.DataFrame, measure: str) -> Figure:
    """One of the probe's FIGURES: mean over seeds, and their spread as a band."""
    title = f"{suite.title} (scale {suite.scale}): {TITLES[measure]}"
    if frame.empty:
        return empty(title)
    draw = _robust if measure == "robust-loss" else partial(_over_time, measure=measure)
    drawn = draw(suite, frame)
    seeds = frame.seed.nunique()
    drawn.suptitle(f"{title}\n{seeds} seed{'s' if seeds > 1 else ''}")
    legend(drawn)
    return drawn


def _over_time(suite: Suite, frame: pd.DataFrame, measure: str) -> Figure:
    (column, label), nfe = AXES[measure], PROBE.settings(suite.benchmark).nfe
    part = frame[frame.part == ("recovery" if measure == "recovery" else "exposure")]
    samplers = [None] if measure == "recovery" else list(part.sampler.unique())
    figure = Figure(figsize=(WIDTH, PANEL + 1.0))
    for axes, sampler in zip(figure.subplots(1, len(samplers), squeeze=False, sharey=True)[0], samplers):
        chosen = part if sampler is None else part[part.sampler == sampler]
        _lines(axes, suite, chosen, "t", column)
        if measure == "exposure":
            floor = chosen.groupby("t").floor.mean()
            axes.plot(floor.index, floor, color=REFERENCE.colour, linestyle=(0, (2, 2)), lw=0.9, label="true states")
            log_axis(axes.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))
        axes.set_xlabel("timestep t (noise grows to the right)")
        axes.set_title("" if sampler is None else f"{suite.sampler(sampler).label}, {nfe} NFE")
    figure.axes[0].set_ylabel(label)
    return figure


def _robust(suite: Suite, frame: pd.DataFrame) -> Figure:
    """Loss over the clean loss against the radius, a panel per timestep and a row per way to choose delta."""
    part = frame[frame.part == "robust_loss"]
    levels, kinds = sorted(part.t.unique()), ("worst", "published", "random")
    figure = Figure(figsize=(WIDTH, PANEL * len(kinds) + 1.0))
    panels = figure.subplots(len(kinds), len(levels), sharex=True, sharey=True)
    for line, kind in zip(panels, kinds):
        for axes, t in zip(line, levels):
            chosen = part[part.t == t]
            _lines(axes, suite, with_ratio(chosen, kind), "radius", "ratio")
            axes.axhline(1, color=REFERENCE.colour, lw=0.6)
            log_axis(axes.xaxis, sorted(part.radius.unique()))
            log_axis(axes.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))
            axes.tick_params(axis="x", rotation=45)
        line[0].set_ylabel(f"loss / clean loss\n{kind}")
    for axes, t in zip(panels[0], levels):
        axes.set_title(f"t = {t:.0f}")
    for axes in panels[-1]:
        axes.set_xlabel("radius (RMS)")
    return figure


def over_seeds(rows: pd.DataFrame, method: str, x: str, y: str) -> pd.DataFrame:
    """Columns mean and std of ``y`` over a method's seeds, by ``x``."""
    return rows[rows.method == method].groupby(x)[y].agg(["mean", "std"])


def with_ratio(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Rows of the robust loss with the loss of one way to choose delta as a share of the clean loss: ``ratio``."""
    return rows.assign(ratio=rows[kind] / rows.clean)


def _lines(axes: Axes, suite: Suite, rows: pd.DataFrame, x: str, y: str) -> None:
    for method, look in looks(suite).items():
        spread = over_seeds(rows, method, x, y)
        label = suite.method(method).label
        axes.plot(spread.index, spread["mean"], color=look.colour, marker=look.marker, linestyle=look.line, label=label)
        low, high = (spread["mean"] + sign * spread["std"].fillna(0) for sign in (-1, 1))
        axes.fill_between(spread.index, low, high, color=look.colour, alpha=0.12, linewidth=0)


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
