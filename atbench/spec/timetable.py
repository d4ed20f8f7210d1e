"""What suites amount to before anything runs: jobs, cells, batches, hours by the scale's `queue:` block."""

from collections.abc import Iterator, Sequence
from typing import Any

from atbench.runtime.listing import Grid, Listing, Value, listing
from atbench.spec.benchmark import Benchmark
from atbench.spec.workload import Workload, shared_jobs, workloads

MILLISECONDS = 3_600_000  # of an hour
COUNTS = ("runs", "jobs", "cells", "batches", "hours")


def timetable(benchmark: Benchmark, suites: Sequence[str]) -> Listing:
    """A line per suite, those first that it rests on. Raises UserError for an unknown suite."""
    found, shared = workloads(benchmark, suites, block=1), shared_jobs(benchmark, suites)
    rows = [{"suite": work.suite} | _numbers(benchmark, work) for work in found]
    total = {name: sum(row[name] for row in rows) for name in COUNTS}
    total["jobs"] += shared
    value = {"scale": benchmark.scale, "suites": rows, "jobs_across_suites": shared, "total": total}
    return listing(value, _words)


def _words(value: Value) -> Iterator[str | Grid]:
    rows = [*value["suites"], {"suite": "across suites", "jobs": value["jobs_across_suites"]}]
    rows.append({"suite": "total"} | value["total"])
    texts = [(row["suite"], *(_text(row.get(name, 0)) for name in COUNTS)) for row in rows]
    yield Grid(("suite", *COUNTS), tuple(texts))
    measured = f"`atbench estimate {value['scale']}` measures them"
    yield f"Hours of one job after another, by `queue:` of the scale; {measured}."


def hours(benchmark: Benchmark, work: Workload) -> float:
    """Hours of training, sampling and scoring, of one job after another."""
    queue = benchmark.suite(work.suite).queue
    return (work.passes + work.evaluations) * queue.pass_ms / MILLISECONDS + work.cells * queue.cell_minutes / 60


def _numbers(benchmark: Benchmark, work: Workload) -> dict[str, Any]:
    jobs = work.compute_jobs + work.report_jobs
    return dict(zip(COUNTS, (len(work.runs), jobs, work.cells, work.batches, hours(benchmark, work))))


def _text(number: float) -> str:
    """Nothing for zero, and the hours to a tenth."""
    shown = f"{number:,.1f}" if isinstance(number, float) else f"{number:,}"
    return shown if number else ""
