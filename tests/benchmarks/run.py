"""The whole suite: every row and column in a process of its own, a few side by side, put together in one record."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from atbench.runtime.errors import UserError
from benchmarks import machine, peers
from benchmarks.entries import Column, Curve, Row
from benchmarks.measure import CURVES, ROWS

NO_GPU = "no GPU on this machine"
FAILED = "it failed:"
LONG = ("images-to-metrics", "planning")  # begun first, so that no lane waits for them at the end


@dataclass(frozen=True)
class Job:
    """A row or curve in one of its columns."""

    entry: Row | Curve
    column: Column

    @property
    def is_quick(self) -> bool:
        """Whether a quick run has it: compilation takes minutes."""
        return not self.column.compiled


def jobs(names: Iterable[str], quick: bool) -> list[Job]:
    """What a run measures, the long ones first. Raises UserError for a name that is no row or curve."""
    known: dict[str, Row | Curve] = {**ROWS, **CURVES}
    wanted = list(names) or list(known)
    if missing := [name for name in wanted if name not in known]:
        raise UserError(f"--only: unknown {', '.join(missing)}; known: {', '.join(known)}")
    found = [Job(known[name], column) for name in wanted for column in known[name].columns]
    return sorted((job for job in found if job.is_quick or not quick), key=lambda job: job.entry.name not in LONG)


def run(names: Iterable[str], quick: bool, lanes: int) -> dict[str, Any]:
    """The record of a run; a row that failed is skipped in it, for the reason that FAILED begins."""
    begin, where, chosen = time.monotonic(), machine.machine(), jobs(names, quick)
    try:
        peers.clone()
    except peers.Absent as absent:
        print(absent, file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ThreadPoolExecutor(lanes) as pool:
        results = pool.map(lambda job: measured(job, quick, where["gpu"] is not None, Path(folder)), chosen)
        found = {(job.entry.name, job.column.name): result for job, result in zip(chosen, results)}
    rows = {job.entry.name: row_of(job.entry, found) for job in chosen if isinstance(job.entry, Row)}
    curves = {job.entry.name: found[job.entry.name, "eager"] for job in chosen if isinstance(job.entry, Curve)}
    return {
        "machine": where,
        "threads": 1,
        "lanes": lanes,
        "quick": quick,
        "seconds": round(time.monotonic() - begin, 1),
        "rows": dict(sorted(rows.items())),
        "curves": dict(sorted(curves.items())),
        **machine.circumstances(),
    }


def measured(job: Job, quick: bool, has_gpu: bool, folder: Path) -> dict[str, Any]:
    """What a process of its own says of a job: the block of the record, or why there is none."""
    on_gpu = job.column.device == "cuda"
    if on_gpu and not has_gpu:
        return {"skipped": NO_GPU}
    file = folder / f"{job.entry.name}-{job.column.name}.json"
    command = [sys.executable, "-m", "benchmarks", "measure", job.entry.name, job.column.name, str(file)]
    # Without a GPU in sight: guided-diffusion takes one wherever it sees one.
    environment = os.environ | machine.ENVIRONMENT | ({} if on_gpu else {"CUDA_VISIBLE_DEVICES": ""})
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)  # it finds what this process has found
    done = subprocess.run([*command, *(["--quick"] if quick else [])], env=environment, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        result = {"skipped": f"{FAILED} {last} (exit code {done.returncode})"}
    else:
        result = json.loads(file.read_text())
    print(f"{job.entry.name} ({job.column.name}): {said(result)}", flush=True)
    return result


def said(result: dict[str, Any]) -> str:
    """A line about a result, for the screen."""
    if "points" in result:
        return ", ".join(f"{point['size']:,}: {point['cpu']['median']:.3g} s" for point in result["points"])
    if "ratio" not in result:
        return f"skipped: {result['skipped']}"
    quantity, pairs = result["judged_by"], len(result["pairs"])
    low, high = result["ratios"][quantity]["range"]
    return f"{result['ratio']:.3f} of the peer's {quantity} ({pairs} pair{'s' * (pairs > 1)}: {low:.3f} to {high:.3f})"


def row_of(row: Row, found: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    """A row with its columns."""
    columns = {column: result for (name, column), result in found.items() if name == row.name}
    return {"what": row.what, "ours": row.ours, "peer": row.peer, "goal": row.goal, "columns": columns}


def failures(record: dict[str, Any]) -> list[str]:
    """Names of the rows and curves that failed; those without their peer or a GPU did not."""
    rows = [name for name, row in record["rows"].items() if any(map(failed, row["columns"].values()))]
    return [*rows, *(name for name, curve in record["curves"].items() if failed(curve))]


def failed(block: dict[str, Any]) -> bool:
    """Whether a row or curve is empty because its process ended badly."""
    return str(block.get("skipped", "")).startswith(FAILED)
