"""The table of the noise of training, from a scale's `noise.json`."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri

from atbench.judgement.statistics import LEVEL
from atbench.probes.noise import PROBE
from atbench.report.render import Markup, Table
from atbench.spec.benchmark import Benchmark


def table(benchmark: Benchmark, record: dict[str, Any] | None) -> Table:
    """A row per setting and length of the average."""
    labels = {name: how.label for name, how in PROBE.here(benchmark).items()}
    numbers = noise(pd.DataFrame(record["rows"])) if record else pd.DataFrame(columns=["setting", "average"])
    return Table(numbers, lambda markup: _text(labels, numbers, markup), _caption(benchmark, record))


def noise(rows: pd.DataFrame) -> pd.DataFrame:
    """Per setting and average: mean distances, and how far two trainings are apart that should not be.

    twin_sd and seed_sd are standard deviations of the log-ratio of two trainings' distances, averaged over the cells:
    of twins, which share the seed, and of two seeds. That of a ratio is sqrt(2) times that of one training. Their
    intervals are those of a variance, by chi-squared, at 95 %.
    """
    cells = rows.assign(log=np.log(rows.fd_heldout))
    found = []
    for (setting, average), part in cells.groupby(["setting", "average"], sort=False):
        means = part.groupby(["seed", "twin"]).log.mean().unstack("twin")  # a row per seed, a column per twin
        seeds, twins = means.shape
        within, between = means.var(axis=1, ddof=1).mean(), means.var(axis=0, ddof=1).mean()
        found.append(
            {"setting": setting, "average": average, "seeds": seeds, "trainings": seeds * twins}
            | spread("twin", within, seeds * (twins - 1))
            | spread("seed", between, seeds - 1)
            | {"mean_fd": np.exp(part.log.mean())}
            | {f"{sampler}_nfe{nfe}": cell.fd_heldout.mean() for (sampler, nfe), cell in _by_cell(part)}
        )
    return pd.DataFrame(found)


def spread(name: str, variance: float, freedom: int) -> dict[str, float]:
    """The standard deviation of a ratio of two trainings, each of this variance, and its bounds."""
    low, high = (np.sqrt(2 * variance * freedom / chdtri(freedom, share)) for share in (LEVEL / 2, 1 - LEVEL / 2))
    return {f"{name}_sd": np.sqrt(2 * variance), f"{name}_low": low, f"{name}_high": high}


def _by_cell(part: pd.DataFrame) -> Any:
    return part.groupby(["sampler", "nfe"], sort=False)


def _text(labels: dict[str, str], numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    names = ["Training", "Average"]
    if numbers.empty:
        index = pd.MultiIndex.from_tuples([(label, "") for label in labels.values()], names=names)
        return pd.DataFrame({markup.escape("twin sd, %"): markup.dash}, index=index)
    index = pd.MultiIndex.from_tuples(
        [(labels[row.setting], f"{row.average:g}") for row in numbers.itertuples()], names=names
    )
    cells = [column for column in numbers if "_nfe" in column]
    lines = [
        {
            **{f"{name} sd, %": _percent(row, name) for name in ("twin", "seed")},
            "mean FD": f"{row['mean_fd']:.2f}",
            **{column.replace("_nfe", " "): f"{row[column]:.3g}" for column in cells},
        }
        for row in numbers.to_dict("records")
    ]
    return pd.DataFrame(lines, index=index).map(markup.escape).rename(columns=markup.escape)


def _percent(row: dict[str, Any], name: str) -> str:
    value, low, high = (100 * row[f"{name}_{part}"] for part in ("sd", "low", "high"))
    return f"{value:.2g} [{low:.2g}, {high:.2g}]"


def _caption(benchmark: Benchmark, record: dict[str, Any] | None) -> str:
    start = f"Noise of training, scale {benchmark.scale}"
    if record is None:
        return f"{start}: no results yet (target `noise`)."
    settings, made = record["settings"], record["provenance"]
    left_out = [name for name in settings["settings"] if name not in PROBE.here(benchmark)]
    return (
        f"{start}: {benchmark.methods[settings['method']].label} alone, from {len(settings['seeds'])} seeds and from "
        f"each {1 + settings['twins']} times, weights moved by {settings['jitter']:g} at the start. sd: of the "
        f"log-ratio of two trainings' distances, averaged over the cells, as per cent: of twins, which share the seed, "
        f"and of two seeds; 95 % intervals in brackets. Average: its length, as a share of the training. Mean FD: "
        f"geometric, to held-out images, {settings['images']} samples a cell; then that of each cell. "
        f"{made['seconds'] / 3600:.1f} CPU hours, {made['date'][:10]}, commit {made['commit']}"
        f"{' with changes' if made['dirty'] else ''}."
        + (f" Not measured here: {', '.join(left_out)}." if left_out else "")
    )
