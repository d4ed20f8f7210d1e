"""What the results cost: CPU seconds of training, sampling, metrics and start-up, as jobs recorded them."""

from collections.abc import Iterable

import pandas as pd

from atbench.reading.rows import Rows

KINDS = ("training", "sampling", "metrics", "start-up")
TIME = "time.json"  # of a released scale: CPU seconds behind the results of each suite, start-up share included
REFERENCES = "references"  # beside the suites: the real images that cells of all suites are compared with


def total(frame: pd.DataFrame, runs: pd.DataFrame, rows: list[Rows]) -> dict[str, float]:
    """CPU seconds per kind, their ``total`` and ``start-up share`` in % (0 when nothing ran).

    ``frame`` from `tidy.collect`, ``runs`` from `runs.collect_runs`, ``rows`` the reference rows of every data
    set; their scoring counts as metrics. An evaluation job records its start-up with its first cell only, so sums count
    every job once. Stale results cost time too and are included.
    """
    references = [row.get("seconds", {}) for row in rows]
    seconds = {
        "training": runs.seconds_training.sum(),
        "sampling": frame.seconds_sampling.sum(),
        "metrics": frame.seconds_metrics.sum() + sum(seconds.get("reference", 0.0) for seconds in references),
        "start-up": runs.seconds_startup.sum()
        + frame.seconds_startup.sum()
        + sum(seconds.get("startup", 0.0) for seconds in references),
    }
    return summed([seconds])


def by_suite(frame: pd.DataFrame, runs: pd.DataFrame, rows: list[Rows]) -> dict[str, dict[str, float]]:
    """`total` for each suite, and for the reference rows under REFERENCES."""
    parts = {s: total(frame[frame.suite == s], runs[runs.suite == s], []) for s in dict.fromkeys(runs.suite)}
    return parts | {REFERENCES: total(frame[:0], runs[:0], rows)}


def summed(parts: Iterable[dict[str, float]]) -> dict[str, float]:
    """The sum of what parts of the results cost, as `total` gives it."""
    parts = list(parts)
    seconds = {kind: float(sum(part[kind] for part in parts)) for kind in KINDS}
    spent = sum(seconds.values())
    share = 100 * seconds["start-up"] / spent if spent else 0.0
    return seconds | {"total": spent, "start-up share": share}


def text(seconds: dict[str, float], share: float) -> str:
    """``seconds`` of each kind and in total, and the ``share`` of start-up in per cent, as lines."""
    lines = [f"  {kind:<9} {seconds[kind]:12,.1f} s" for kind in (*KINDS, "total")]
    return "CPU time of all jobs:\n" + "\n".join(lines) + f"\nStart-up share: {share:.1f} %"
