"""What suites amount to before anything runs, as text: jobs, cells, batches, hours by the scale's `queue:` block."""

from collections.abc import Sequence
from typing import Any

from atbench.spec.benchmark import Benchmark
from atbench.spec.workload import Workload, shared_jobs, workloads

MILLISECONDS = 3_600_000  # of an hour
HEADS = ("suite", "runs", "jobs", "cells", "batches", "hours")


def timetable(benchmark: Benchmark, suites: Sequence[str]) -> str:
    """A line per suite, those first that it rests on. Raises UserError for an unknown suite."""
    found, shared = workloads(benchmark, suites, block=1), shared_jobs(benchmark, suites)
    rows: list[tuple[Any, ...]] = [(work.suite, *_numbers(work), hours(benchmark, work)) for work in found]
    numbers = [sum(column) for column in zip(*(row[1:] for row in rows))]
    rows += [("across suites", 0, shared, 0, 0, 0.0), ("total", numbers[0], numbers[1] + shared, *numbers[2:])]
    texts = [HEADS, *((name, *map(_text, numbers)) for name, *numbers in rows)]
    widths = [max(map(len, column)) for column in zip(*texts)]
    lines = ["  ".join([name.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) for name, *rest in texts]
    note = (
        f"Hours of one job after another, by `queue:` of the scale; `atbench estimate {benchmark.scale}` measures them."
    )
    return "\n".join([*lines, note])


def hours(benchmark: Benchmark, work: Workload) -> float:
    """Hours of training, sampling and scoring, of one job after another."""
    queue = benchmark.suite(work.suite).queue
    return (work.passes + work.evaluations) * queue.pass_ms / MILLISECONDS + work.cells * queue.cell_minutes / 60


def _numbers(work: Workload) -> tuple[int, int, int, int]:
    return len(work.runs), work.compute_jobs + work.report_jobs, work.cells, work.batches


def _text(number: float) -> str:
    """Nothing for zero, and the hours to a tenth."""
    shown = f"{number:,.1f}" if isinstance(number, float) else f"{number:,}"
    return shown if number else ""
