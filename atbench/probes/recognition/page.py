"""The table of recognised images, from a scale's `recognition.json`."""

from typing import Any

import pandas as pd

from atbench.probes.recognition import PROBE
from atbench.report.render import Markup, Table
from atbench.spec.benchmark import Benchmark

TEST = "test images"
COLUMNS = ["Recognised, %", "Of the test images' share, %", "Top class, mean probability", "Classes"]


def table(benchmark: Benchmark, record: dict[str, Any] | None) -> Table:
    """A row for the test images, then one for each method, sampler and NFE: means over the seeds."""
    numbers = shares(record) if record else pd.DataFrame(columns=["method", "sampler", "nfe"])
    return Table(numbers, lambda markup: _text(benchmark, numbers, markup), _caption(benchmark, record))


def shares(record: dict[str, Any]) -> pd.DataFrame:
    """Means over the seeds, with the least and the greatest share of recognised images; the test images first."""
    real = record["real"]
    frame = pd.DataFrame(record["rows"])
    found = [{"method": TEST, "sampler": "", "nfe": 0, "seeds": 0, **real, "ratio": 1.0}]
    for (method, sampler, nfe), part in frame.groupby(["method", "sampler", "nfe"], sort=False):
        share = part.recognised
        found.append(
            {"method": method, "sampler": sampler, "nfe": nfe, "seeds": len(part), "images": int(part.images.sum())}
            | {"recognised": share.mean(), "least": share.min(), "most": share.max(), "top": part.top.mean()}
            | {"classes": part.classes.mean(), "ratio": share.mean() / (real["recognised"] or float("nan"))}
        )
    return pd.DataFrame(found)


def _text(benchmark: Benchmark, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    names = ["Images", "NFE"]
    if numbers.empty:
        index = pd.MultiIndex.from_tuples([(TEST, "")], names=names)
        return pd.DataFrame({markup.escape(COLUMNS[0]): markup.dash}, index=index)
    rows = numbers.to_dict("records")
    index = pd.MultiIndex.from_tuples([_named(benchmark, row) for row in rows], names=names)
    lines = [
        dict(zip(COLUMNS, [_share(row), f"{100 * row['ratio']:.0f}", f"{row['top']:.2f}", f"{row['classes']:.1f}"]))
        for row in rows
    ]
    return pd.DataFrame(lines, index=index).map(markup.escape).rename(columns=markup.escape)


def _named(benchmark: Benchmark, row: dict[str, Any]) -> tuple[str, str]:
    if row["method"] == TEST:
        return TEST, ""
    return f"{benchmark.methods[row['method']].label}, {benchmark.samplers[row['sampler']].label}", str(row["nfe"])


def _share(row: dict[str, Any]) -> str:
    mean = f"{100 * row['recognised']:.1f}"
    return mean if row["seeds"] < 2 else f"{mean} [{100 * row['least']:.1f}, {100 * row['most']:.1f}]"


def _caption(benchmark: Benchmark, record: dict[str, Any] | None) -> str:
    start = f"Recognised images, scale {benchmark.scale}"
    if record is None:
        return f"{start}: no results yet (target `{PROBE.name}`)."
    seeds = len({row["seed"] for row in record["rows"]})
    settings, classifier, made = record["settings"], record["classifier"], record["provenance"]
    return (
        f"{start}: share of images to whose top class a classifier gives a probability above {settings['sure']:g}. It "
        f"is trained apart, from seed {classifier['seed']}, and measures no distance; of the test images it names "
        f"{classifier['accuracy']:.1%} rightly. Means over {seeds} seed{'s' if seeds > 1 else ''}, the extremes "
        "in brackets. Classes: the effective number of top classes. A sure classifier may be wrong: few recognised "
        "images tell of bad samples, many do not prove good ones. "
        f"Commit {made['commit']}{' with changes' if made['dirty'] else ''}."
    )
