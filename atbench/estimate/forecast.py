"""Estimate what suites of a scale would take on this machine, from a few measured steps of networks and metrics."""

from pathlib import Path
from statistics import median

import torch
from tqdm import tqdm

from atbench.estimate.scoring import measure_metrics
from atbench.estimate.stopwatch import REPEATS, Measured, Timing, likeness, measure
from atbench.estimate.table import NOTHING, Row, Spread, forecast
from atbench.reading.timing import REFERENCES, TIME, summed
from atbench.reading.tree import Tree
from atbench.runtime.device import choose, cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.runtime.listing import Listing
from atbench.spec.address import RELEASED
from atbench.spec.benchmark import Benchmark
from atbench.spec.records import TimeForm
from atbench.spec.workload import Workload, shared_jobs, workloads
from atbench.tasks.generate import BLOCK


def estimate(benchmark: Benchmark, suites: list[str]) -> Listing:
    """The estimate for ``suites`` and all that they are made from. Raises UserError for an unknown suite."""
    wanted, threads = workloads(benchmark, suites, BLOCK), benchmark.file.threads
    device = choose(threads)
    startup = cpu_seconds()  # this process has imported what a job imports
    rows, measured, scorings = [], {}, {}
    for work in tqdm(wanted, desc="suites", disable=None):
        like = likeness(work)
        try:
            found = measured[like] if like in measured else measure(work, device)
        except UserError as error:
            rows.append(Row(work, fault=str(error)))
            continue
        measured[like] = found
        rows.append(row(work, found, startup, scoring(benchmark, work, device, scorings)))
    timings = [timing for found in measured.values() for timing in (found.training, found.sampling) if timing]
    share = processor_share(timings, threads) if device.type == "cpu" else 1.0
    where = f"{describe(device)} ({threads} threads)"
    shared = shared_jobs(benchmark, suites)
    return forecast(benchmark.scale, where, rows, shared, share, released(benchmark, wanted))


def scoring(
    benchmark: Benchmark, work: Workload, device: torch.device, known: dict[str, Timing | str]
) -> Timing | str | None:
    """What the metrics of a suite's cells take, or why that is not known; None without cells. Asked once of a kind."""
    if not work.cells:
        return None
    judging = benchmark.suite(work.suite).judging
    kind = digest(judging.slice)
    if kind not in known:
        try:
            known[kind] = measure_metrics(judging, device)
        except UserError as error:
            known[kind] = f"metrics are not counted: {error}"
    return known[kind]


def row(work: Workload, found: Measured, startup: float, scored: Timing | str | None = None) -> Row:
    """What a suite's jobs amount to at the measured speed; ``startup`` is that of one job, in s."""
    training, sampling = found.training, found.sampling
    metrics = scored if isinstance(scored, Timing) else None
    notes = (
        noted("a forward pass in training", training),
        noted("a network evaluation in sampling", sampling),
        scored if isinstance(scored, str) else noted_cell(metrics),
    )
    return Row(
        work,
        training=spread(training) * work.passes,
        sampling=spread(sampling) * work.evaluations,
        metrics=spread(metrics) * work.cells,
        cpu_training=median(training.cpu) * work.passes if training else 0.0,
        cpu_sampling=median(sampling.cpu) * work.evaluations if sampling else 0.0,
        cpu_metrics=median(metrics.cpu) * work.cells if metrics else 0.0,
        startup=startup * work.compute_jobs,
        disk=work.snapshots * found.weights + len(work.runs) * found.state,
        notes=tuple(note for note in notes if note),
    )


def spread(timing: Timing | None) -> Spread:
    """Seconds of one image, or cell; nothing where nothing was measured."""
    return Spread(median(timing.wall), min(timing.wall), max(timing.wall)) if timing else NOTHING


def noted(what: str, timing: Timing | None) -> str:
    """What a timing says of one image, and whether it saw whole batches."""
    if timing is None:
        return ""
    cut = f" of {timing.wanted}, scaled" if timing.images < timing.wanted else ""
    found = spread(timing)
    percent = f"{found.percent:.0f} % over {REPEATS} repetitions"
    return f"{what}: {1000 * found.middle:.3g} ms an image ± {percent}, {timing.images} at once{cut}"


def noted_cell(timing: Timing | None) -> str:
    """What a timing says of the metrics of a cell."""
    if timing is None:
        return ""
    cut = f", scaled from {timing.images:,}" if timing.images < timing.wanted else ""
    return f"metrics: {spread(timing).middle:.3g} s a cell of {timing.wanted:,} images{cut}"


def processor_share(timings: list[Timing], threads: int) -> float:
    """Processor seconds as a share of what the threads could have had by the clock; 1 without timings."""
    wall = sum(sum(timing.wall) for timing in timings)
    return sum(sum(timing.cpu) for timing in timings) / (wall * threads) if wall else 1.0


def released(benchmark: Benchmark, wanted: list[Workload]) -> dict[str, float] | None:
    """What the released results of the same suites cost, if all of them are released and none is wanted in part."""
    root = Path(RELEASED, benchmark.scale)
    cost = Tree(root).read(root / TIME, TimeForm) or {}
    whole = all(work.judged or not benchmark.suite(work.suite).samplers for work in wanted)
    if not whole or not {work.suite for work in wanted} <= cost.keys():
        return None
    return summed(cost[name] for name in (*[work.suite for work in wanted], REFERENCES))
