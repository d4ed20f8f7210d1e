"""Measures one row or curve in one column: the work of a process of its own, which prints what came of it as JSON."""

import json
import logging
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch._dynamo.utils import counters
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import machine, method, peers
from benchmarks.entries import DTYPES, Column, Contest, Curve, Growth, Row, Setting
from benchmarks.method import Action
from benchmarks.record import SIDES
from benchmarks.rows import (
    clean_fid,
    features_to_metrics,
    free_at,
    growth,
    images_to_metrics,
    memory,
    planning,
    sampling,
    update,
)

CALLS = 8  # in which compilation has to come to an end
ROWS = {
    row.name: row
    for module in (update, sampling, free_at, images_to_metrics, features_to_metrics, clean_fid, memory)
    for row in module.ROWS
}
CURVES = {curve.name: curve for module in (growth, planning) for curve in module.CURVES}


def measure(entry: Row | Curve, column: Column, quick: bool) -> dict[str, Any]:
    """A row's column, or a curve, as the record has it; why, where a peer is absent."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        setting = Setting(column, quick, Path(scratch))
        try:
            made = entry.make(setting)
        except peers.Absent as absent:
            return {"skipped": str(absent)}
        return contest(made, column) if isinstance(made, Contest) else curve(made, entry, column)


def contest(made: Contest, column: Column) -> dict[str, Any]:
    """The turns of both sides, with the work of ours beside a matrix product; or why a compiled one has none."""
    for side in SIDES if column.compiled else ():
        if not settles(getattr(made, side), graphs):
            return {"skipped": f"compilation of {side} goes on with every call"}
    count = operations(made.ours) if made.counted else 0
    watch, judged_by = made.watch or column.watch, made.judged_by or column.judged_by
    turns, repeats = method.interleaved(made.ours, made.peer, made.budget, watch, made.warm)
    found = method.summary(turns, judged_by, repeats) | {"agreement": made.agreement(), "flops": None}
    if count:
        product = machine.matmul_seconds(torch.device(column.device), DTYPES[column.precision], watch, judged_by)
        rates = count / found["ours"][judged_by]["median"], machine.MATMUL_FLOPS / product
        found["flops"] = {"count": count, "per_second": rates[0], "matmul_per_second": rates[1]}
    return found


def curve(made: Growth, entry: Curve, column: Column) -> dict[str, Any]:
    """The points of a curve."""
    taken = method.in_rounds(made.actions, made.budget, column.watch, made.warm)
    return {"what": entry.what, "size": entry.size, "points": method.points(taken)}


def settles(action: Action, compiled: Callable[[], int]) -> bool:
    """Whether a call comes, among the first CALLS, that compiles nothing; ``compiled`` counts what was so far."""
    for _ in range(CALLS):
        before = compiled()
        action()
        if compiled() == before:
            return True
    return False


def graphs() -> int:
    """Graphs that torch.compile has made in this process."""
    return int(counters["stats"]["unique_graphs"])


def operations(action: Action) -> int:
    """Floating-point operations of matrix products, convolutions and attention in one call."""
    with FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops()


def main(name: str, column: str, quick: bool, file: Path) -> None:
    """Measure what is called ``name`` and leave it in a file."""
    warnings.simplefilter("ignore")  # of singular covariances, which made-up images have
    logging.disable(logging.WARNING)
    entry = {**ROWS, **CURVES}[name]
    chosen = next(each for each in entry.columns if each.name == column)
    file.write_text(json.dumps(measure(entry, chosen, quick)))
