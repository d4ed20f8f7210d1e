"""Figures and table of the mismatch between training and sampling, from the `mismatch.json` of a suite's runs."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.reading.tidy import run_folder
from atbench.report.figures import ONE_TWO_FIVE, PANEL, WIDTH, empty, legend, log_axis
from atbench.report.render import Markup, Table
from atbench.report.style import REFERENCE, ordered, style
from atbench.report.tables import value_text
from atbench.runtime.errors import UserError
from atbench.runtime.files import read_json
from atbench.spec.address import FINAL

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


def collect(benchmark: Benchmark, root: Path, suite: str, seeds: list[int] | None = None) -> pd.DataFrame:
    """One row per method, seed, part (exposure, recovery, robust_loss) and row of that part; empty without results.

    Leaves out what was measured with another configuration. Raises UserError for an unreadable file and for a distance
    that is not positive.
    """
    rows = []
    for run in plan.runs(benchmark, suite, seeds):
        path = run_folder(root, run) / FINAL / plan.mismatch_path(run).name
        if not path.exists():
            continue
        record = read_json(path)
        if not isinstance(record.get("config"), dict):
            raise UserError(f"{path}: the block config is missing")
        training, measured = slices.training_digest(benchmark, run), slices.mismatch_digest(benchmark, run)
        if record["config"] == {"training": training, "mismatch": measured}:
            found = _rows(record)
            if not all(row["distance"] > 0 for row in found if row["part"] == "exposure"):
                raise UserError(f"{path}: exposure: a distance is not positive")
            rows += [{"method": run.method, "seed": run.seed} | row for row in found]
    frame = pd.DataFrame(rows)
    if rows:
        frame["eps_ratio"] = frame.eps_sampled / frame.eps_true
    return frame


def _rows(record: dict) -> list[dict]:
    paths = [{"part": "exposure", "sampler": name} | row for name, rows in record["exposure"].items() for row in rows]
    return paths + [{"part": part} | row for part in ("recovery", "robust_loss") for row in record[part]]


def exposure(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns method, seed, sampler and exposure: the number that the claim on the mismatch is about (claims.yaml).

    exposure = exp(mean over t of log distance), over the timesteps of what `collect` gave but each trajectory's first.
    """
    key = ["method", "seed", "sampler"]
    path = frame[frame.part == "exposure"]
    path = path[path.t < path.groupby(key).t.transform("max")]
    return np.exp(np.log(path.distance).groupby([path[name] for name in key]).mean()).rename("exposure").reset_index()


def figure(benchmark: Benchmark, frame: pd.DataFrame, suite: str, measure: str) -> Figure:
    """The figure of one of `outputs.MEASURES`, of what `collect` gave: mean over seeds, and their spread as a band."""
    title = f"{benchmark.suite(suite)['title']} (scale {benchmark.scale}): {TITLES[measure]}"
    if frame.empty:
        return empty(title)
    draw = _robust if measure == "robust-loss" else partial(_over_time, measure=measure)
    drawn = draw(benchmark, frame, suite)
    seeds = frame.seed.nunique()
    drawn.suptitle(f"{title}\n{seeds} seed{'s' if seeds > 1 else ''}")
    legend(drawn)
    return drawn


def _over_time(benchmark: Benchmark, frame: pd.DataFrame, suite: str, measure: str) -> Figure:
    column, label = AXES[measure]
    part = frame[frame.part == ("recovery" if measure == "recovery" else "exposure")]
    samplers = [None] if measure == "recovery" else list(part.sampler.unique())
    figure = Figure(figsize=(WIDTH, PANEL + 1.0))
    for axes, sampler in zip(figure.subplots(1, len(samplers), squeeze=False, sharey=True)[0], samplers):
        chosen = part if sampler is None else part[part.sampler == sampler]
        _lines(axes, benchmark, suite, chosen, "t", column)
        if measure == "exposure":
            floor = chosen.groupby("t").floor.mean()
            axes.plot(floor.index, floor, color=REFERENCE.colour, linestyle=(0, (2, 2)), lw=0.9, label="true states")
            log_axis(axes.yaxis, ticker.LogLocator(subs=ONE_TWO_FIVE))
        axes.set_xlabel("timestep t (noise grows to the right)")
        axes.set_title(
            "" if sampler is None else f"{benchmark.samplers[sampler]['label']}, {benchmark.mismatch['nfe']} NFE"
        )
    figure.axes[0].set_ylabel(label)
    return figure


def _robust(benchmark: Benchmark, frame: pd.DataFrame, suite: str) -> Figure:
    """Loss over the clean loss against the radius, a panel per timestep and a row per way to choose delta."""
    part = frame[frame.part == "robust_loss"]
    levels, kinds = sorted(part.t.unique()), ("worst", "published", "random")
    figure = Figure(figsize=(WIDTH, PANEL * len(kinds) + 1.0))
    panels = figure.subplots(len(kinds), len(levels), sharex=True, sharey=True)
    for line, kind in zip(panels, kinds):
        for axes, t in zip(line, levels):
            chosen = part[part.t == t]
            _lines(axes, benchmark, suite, chosen.assign(ratio=chosen[kind] / chosen.clean), "radius", "ratio")
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


def _lines(axes: Axes, benchmark: Benchmark, suite: str, rows: pd.DataFrame, x: str, y: str) -> None:
    for method in ordered(benchmark.suite(suite)["methods"]):
        spread = rows[rows.method == method].groupby(x)[y].agg(["mean", "std"])
        look = style(method)
        label = benchmark.methods[method]["label"]
        axes.plot(spread.index, spread["mean"], color=look.colour, marker=look.marker, linestyle=look.line, label=label)
        low, high = (spread["mean"] + sign * spread["std"].fillna(0) for sign in (-1, 1))
        axes.fill_between(spread.index, low, high, color=look.colour, alpha=0.12, linewidth=0)


def table(benchmark: Benchmark, frame: pd.DataFrame, suite: str) -> Table:
    """Every measure as one number per method, where sampling is nearly done: mean and spread over seeds."""
    summary = _summary(frame) if len(frame) else pd.DataFrame(columns=["method", "measure", "mean", "std", "seeds"])

    def text(markup: Markup) -> pd.DataFrame:
        names = list(dict.fromkeys(summary.measure))
        labels = [benchmark.methods[method]["label"] for method in ordered(benchmark.suite(suite)["methods"])]
        index = pd.MultiIndex.from_product([[benchmark.suite(suite)["title"]], labels], names=["Suite", "Method"])
        rows = []
        for method in ordered(benchmark.suite(suite)["methods"]):
            own = summary[summary.method == method].set_index("measure")
            rows.append([_entry(own, name, markup) for name in names])
        return pd.DataFrame(rows, index=index, columns=names)

    seeds = int(summary.seeds.max()) if len(summary) else 0
    caption = (
        f"Mismatch between training and sampling, suite {suite}, scale {benchmark.scale}, {seeds} seeds (mean ± std). "
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
