"""The cost table: time, memory and passes of a training batch, as ratios to ADM, from a scale's `cost.json`."""

from typing import Any

import numpy as np
import pandas as pd

from atbench.probes.cost import BASELINE, PROBE
from atbench.report.render import Markup, Table
from atbench.spec.benchmark import Benchmark

MIB = 2**20
COUNTS = {  # column of the numbers -> head in the printed table
    "updates": "updates",
    "student_forward": "forward",
    "side_forward": "forward, teacher and target",
    "backward": "backward",
    "passes": "passes",
}


def table(benchmark: Benchmark, record: dict[str, Any] | None) -> Table:
    """One row per method: medians over turns; ratios are those of a turn's own batches, so they share its pace."""
    numbers = _numbers(record["rows"]) if record else pd.DataFrame(columns=["suite", "method"])
    return Table(numbers, lambda markup: _text(benchmark, numbers, markup), _caption(benchmark, record))


def _numbers(rows: list[dict[str, Any]]) -> pd.DataFrame:
    by_name = {(row["suite"], row["method"]): row for row in rows}
    plain = {row["suite"]: row for row in reversed(rows)}  # the first of a suite
    adm = by_name[BASELINE]
    return pd.DataFrame([_row(row, adm, plain[row["suite"]]) for row in rows])


def _row(row: dict[str, Any], adm: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    seconds, peak = np.array(row["seconds"]), row["held_bytes"] + row["batch_bytes"]
    ratios, own = seconds / np.array(adm["seconds"]), seconds / np.array(plain["seconds"])
    low, high = np.quantile(ratios, [0.25, 0.75])
    return {
        "suite": row["suite"],
        "method": row["method"],
        "batch_size": row["batch_size"],
        "parameters": row["parameters"],
        "seconds_batch": np.median(seconds),
        "ratio": np.median(ratios),
        "ratio_low": low,
        "ratio_high": high,
        "ratio_own": np.median(own),
        "seconds_update": np.median(seconds) / row["updates"],
        "ratio_update": np.median(ratios) / row["updates"] * adm["updates"],
        "held_bytes": row["held_bytes"],
        "peak_bytes": peak,
        "peak_ratio": peak / (adm["held_bytes"] + adm["batch_bytes"]),
        "side_forward": row["teacher_forward"] + row["target_forward"],
        **{key: row[key] for key in COUNTS if key in row},
    }


def _text(benchmark: Benchmark, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    runs = PROBE.runs(benchmark)
    named = [(run.suite.title, run.method.label) for run in runs]
    index = pd.MultiIndex.from_tuples(named, names=["Network of", "Method"])
    rounds = [str(run.method.inner_steps) for run in runs]
    if numbers.empty:
        return pd.DataFrame({"K": rounds, "ms/batch": markup.dash}, index=index)
    lines = [
        {
            "K": count,
            "ms/batch": f"{1e3 * row.seconds_batch:.1f}",
            "x ADM": f"{row.ratio:.2f} [{row.ratio_low:.2f}, {row.ratio_high:.2f}]",
            "x plain": f"{row.ratio_own:.2f}",
            "ms/update": f"{1e3 * row.seconds_update:.1f}",
            "update x ADM": f"{row.ratio_update:.2f}",
            "peak MiB": f"{row.peak_bytes / MIB:.1f}",
            "peak x ADM": f"{row.peak_ratio:.2f}",
            **{head: str(getattr(row, key)) for key, head in COUNTS.items()},
        }
        for count, row in zip(rounds, numbers.itertuples(), strict=True)
    ]
    return pd.DataFrame(lines, index=index).map(markup.escape)


def _caption(benchmark: Benchmark, record: dict[str, Any] | None) -> str:
    start = f"Cost of a training batch, scale {benchmark.scale}"
    if record is None:
        return f"{start}: no results yet (target `cost`)."
    made, sizes = record["provenance"], sorted({row["batch_size"] for row in record["rows"]})
    measured = {row["suite"] for row in record["rows"]}
    absent = [suite for suite in PROBE.settings(benchmark).methods if suite not in measured]
    left_out = f" Not measured here: {', '.join(absent)}." if absent else ""
    threads = f"{made['threads']} thread{'s' if made['threads'] > 1 else ''}"
    return (
        f"{start}: medians of {record['settings']['turns']} turns in one process, each with one batch of every method;"
        f" ratios within a turn to ADM, with quartiles in brackets, and to the plain method of the same network. K: "
        f"inner rounds. Batches of {' or '.join(map(str, sizes))}, noise instead of images. Peak: the training state"
        f" and the most that a batch holds beside it, in tensors; that of an update is the same: rounds keep nothing. "
        f"Forward and backward passes as counted; passes in units of a forward one, a backward pass counting as two, "
        f"or as one where it is of delta alone. {made['device']}, {threads}, {made['date'][:10]}, torch "
        f"{made['versions']['torch']}, commit {made['commit']}{' with changes' if made['dirty'] else ''}.{left_out}"
    )
