"""A reproduction judged against the released results, cell by cell, within the noise of their seeds."""

import math
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from atbench.judgement.agreement import DIFFERENT, agreement
from atbench.reading.tidy import AXES, collect
from atbench.reading.tree import Tree, of_its_time
from atbench.runtime.listing import Grid, Listing, Value, listing
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import METRICS, metric_label

LIMIT = 3.0  # accepted difference in units of the noise
SAME, WITHIN, DIFFERS = "same", "within noise", "DIFFERS"
POINT = [axis for axis in AXES if axis != "seed"]
COLUMNS = [*AXES, "here", "there", "difference", "noise", "verdict"]


def compare(
    benchmark: Benchmark,
    local_root: Path,
    released_root: Path,
    suites: list[str],
    seeds: list[int] | None = None,
) -> tuple[Listing, int]:
    """The comparison, a summary and a line per declared cell, and the exit code: 1 too where all together differ."""
    frame = verdicts(benchmark, local_root, released_root, suites, seeds)
    both = frame[frame.verdict.isin([SAME, WITHIN, DIFFERS])]
    judged, pooled = both[both.noise > 0], agreement(both.assign(same=both.verdict == SAME), exit_code(both) != 0)
    value = {
        "scale": benchmark.scale,
        "distance": metric_label("fd", benchmark.file.extractor),
        "protocols": {"here": Tree(local_root).protocol, "there": Tree(released_root).protocol},
        "verdicts": frame.verdict.value_counts().sort_index().to_dict(),
        "largest_difference_in_noise": (judged.difference.abs() / judged.noise).max(),
        "accepted_difference_in_noise": LIMIT,
        "pooled": {
            "kind": pooled.kind,
            "runs": pooled.runs,
            "mean_percent": 100 * pooled.mean,
            "low_percent": 100 * pooled.low,
            "high_percent": 100 * pooled.high,
            "p": pooled.p,
            "largest_percent": 100 * pooled.largest,
        },
        "exit_code": max(exit_code(frame), int(pooled.kind == DIFFERENT)),
        "cells": frame.drop(columns="scale").to_dict("records"),
    }
    return listing(value, _words), value["exit_code"]


def verdicts(
    benchmark: Benchmark,
    local_root: Path,
    released_root: Path,
    suites: list[str],
    seeds: list[int] | None = None,
) -> pd.DataFrame:
    """One row per declared cell. Columns: COLUMNS; here and there are the local and the released fd.

    noise = sqrt(s^2 + se^2), s the standard deviation over the released seeds at this grid point (0 when
    there are fewer than two), se the released cell's own standard error.
    verdict: `same` (all metrics equal), `within noise` (|difference| <= LIMIT * noise), `DIFFERS`, or
    `missing here`, `missing there`, `missing in both`; `stale` or `refused` in place of `missing` where
    that is the reason: a cell of another configuration proves nothing.
    """
    local, released = (_declared(benchmark, root, suites, seeds) for root in (local_root, released_root))
    spread = released.groupby(POINT).fd.transform("std").fillna(0)  # pandas: divisor n - 1, NaN below two
    frame = local[AXES].assign(here=local.fd, there=released.fd)
    frame["difference"] = frame.here - frame.there
    frame["noise"] = (spread**2 + released.fd_se.fillna(0) ** 2) ** 0.5
    identical = _identical(local, released)
    pairs = zip(local.status, released.status, identical, frame.difference, frame.noise)
    frame["verdict"] = [_verdict(*pair) for pair in pairs]
    return frame[COLUMNS]


def exit_code(frame: pd.DataFrame) -> int:
    """1 when a cell DIFFERS or has no usable local result, else 0."""
    bad = frame.verdict.str.contains(f"{DIFFERS}| here$|in both$")
    return int(bad.any())


def _words(value: Value) -> Iterator[str | Grid]:
    """How it ended, in three lines, then every cell on a line."""
    summary = ", ".join(f"{n} {verdict}" for verdict, n in value["verdicts"].items())
    yield f"{len(value['cells'])} cells: {summary or 'none declared'}"
    size, most = value["largest_difference_in_noise"], value["accepted_difference_in_noise"]
    largest = "nothing is comparable" if size is None else f"{size:.2g} times the noise; {most:g} times is accepted"
    yield f"Largest difference: {largest}"
    yield from _pooled(value["pooled"])
    here, there = value["protocols"].values()
    if here != there:
        yield f"Protocol {here} here, {there} there: bits differ by what docs/protocol.md lists, whatever the machine"
    bad = value["exit_code"] != 0
    yield "Something differs, or lacks a result here: exit code 1" if bad else "Reproduced: exit code 0"
    yield ""
    heads = ("cell", "verdict", "here", "there", "noise")
    yield Grid(heads, tuple(_line(cell) for cell in value["cells"]), named=2)


def _pooled(found: Value) -> Iterator[str]:
    """All cells together: the class, and the mean over runs that it rests on."""
    if found["kind"] is None:
        return
    spread = "" if found["low_percent"] is None else f" [{found['low_percent']:.2g}, {found['high_percent']:.2g}]"
    chance = "" if found["p"] is None else f", p {found['p']:.2g}"
    yield (
        f"All cells together: {found['kind']}. Mean difference {found['mean_percent']:.2g} %{spread} over "
        f"{found['runs']} paired runs{chance}; of a cell at most {found['largest_percent']:.2g} %"
    )


def _declared(benchmark: Benchmark, root: Path, suites: list[str], seeds: list[int] | None) -> pd.DataFrame:
    frame = collect(of_its_time(benchmark, root), root, suites, seeds)
    return frame[~frame.off_grid].reset_index(drop=True)  # both trees: the same cells in the same order


def _identical(local: pd.DataFrame, released: pd.DataFrame) -> pd.Series:
    here, there = local[list(METRICS)], released[list(METRICS)]
    return ((here == there) | (here.isna() & there.isna())).all(axis=1)


def _verdict(here: str, there: str, identical: bool, difference: float, noise: float) -> str:
    if here != "done" and there != "done":
        return "missing in both" if "missing" in (here, there) else f"{here} in both"
    if here != "done":
        return f"{here} here"
    if there != "done":
        return f"{there} there"
    if identical:
        return SAME
    return WITHIN if math.isfinite(difference) and abs(difference) <= LIMIT * noise else DIFFERS


def _line(cell: Value) -> tuple[str, ...]:
    name = "{suite}/{method}/seed{seed}/{step}/{sampler}-nfe{nfe}".format_map(cell)
    digits = {"here": ".4g", "there": ".4g", "noise": ".3g"}
    numbers = ["—" if cell[key] is None else format(cell[key], form) for key, form in digits.items()]
    return name, cell["verdict"], *numbers
