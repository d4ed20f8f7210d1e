"""What a scale would take on the machine at hand: hours, disk and jobs per suite, and how sure that is."""

from collections.abc import Iterator
from dataclasses import dataclass

from atbench.runtime.listing import Grid, Listing, Value, listing
from atbench.spec.workload import Workload

COUNTED = ("runs", "jobs", "cells", "batches")
ESTIMATED = ("training_h", "sampling_h", "metrics_h", "startup_h", "hours", "spread_percent", "disk_gib")
HEADS = (*COUNTED, "training h", "sampling h", "metrics h", "start-up h", "hours", "± %", "GiB")
FORMS = dict.fromkeys(COUNTED, ",") | dict.fromkeys(ESTIMATED, ".2f") | {"spread_percent": ".0f"}
MARGIN = 0.9  # share of the processor below which other work is mentioned
GIB = 2**30


@dataclass(frozen=True)
class Spread:
    """Seconds: the median of repetitions, their least and their most."""

    middle: float
    low: float
    high: float

    def __add__(self, other: "Spread") -> "Spread":
        return Spread(self.middle + other.middle, self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> "Spread":
        return Spread(self.middle * factor, self.low * factor, self.high * factor)

    @property
    def percent(self) -> float:
        """Half of the range, in per cent of the median."""
        return 50 * (self.high - self.low) / self.middle if self.middle else 0.0


NOTHING = Spread(0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Row:
    """The estimate of one suite. Seconds: of the clock, but `cpu_...` of the processor."""

    work: Workload
    fault: str = ""  # why nothing was measured; the rest is then missing
    training: Spread = NOTHING
    sampling: Spread = NOTHING
    metrics: Spread = NOTHING
    cpu_training: float = 0.0
    cpu_sampling: float = 0.0
    cpu_metrics: float = 0.0
    startup: float = 0.0  # of all jobs
    disk: int = 0  # bytes
    notes: tuple[str, ...] = ()  # what was measured


def forecast(
    scale: str, device: str, rows: list[Row], shared: int, share: float, released: dict[str, float] | None
) -> Listing:
    """The estimate of ``rows``.

    shared    jobs that belong to no suite
    share     of the processor that the measurement had; below 1 other work held it
    released  what released results of the same suites cost (atbench.reading.timing), if there are any
    """
    known = [row for row in rows if not row.fault]
    total = figures(rows) | estimate(known)
    total["jobs"] += shared
    value = {
        "scale": scale,
        "device": device,
        "suites": [
            {"suite": row.work.suite}
            | figures([row])
            | (dict.fromkeys(ESTIMATED) if row.fault else estimate([row]))
            | {"measured": row.notes, "not_measured": row.fault or None}
            for row in rows
        ],
        "jobs_across_suites": shared,
        "total": total,
        "processor_share": share,
        "cpu_s": against(released, known) if released else None,
    }
    return listing(value, _words)


def jobs(row: Row) -> int:
    return row.work.compute_jobs + row.work.report_jobs


def figures(rows: list[Row]) -> dict[str, int]:
    """What is known without measuring, in the order of COUNTED."""
    counts = (
        sum(len(row.work.runs) for row in rows),
        sum(map(jobs, rows)),
        sum(row.work.cells for row in rows),
        sum(row.work.batches for row in rows),
    )
    return dict(zip(COUNTED, counts))


def estimate(rows: list[Row]) -> dict[str, float]:
    """Hours, their spread in per cent, and disk, in the order of ESTIMATED."""
    parts = {name: sum((getattr(row, name) for row in rows), NOTHING) for name in ("training", "sampling", "metrics")}
    startup, whole = sum(row.startup for row in rows), sum(parts.values(), NOTHING)
    hours = [part.middle / 3600 for part in parts.values()]
    whole_h = (whole.middle + startup) / 3600
    return dict(zip(ESTIMATED, (*hours, startup / 3600, whole_h, whole.percent, sum(row.disk for row in rows) / GIB)))


def against(cost: dict[str, float], rows: list[Row]) -> dict[str, dict[str, float]]:
    """Kind -> released CPU seconds and estimated ones (see atbench.reading.timing)."""
    estimated = {
        "training": sum(row.cpu_training for row in rows),
        "sampling": sum(row.cpu_sampling for row in rows),
        "metrics": sum(row.cpu_metrics for row in rows),
        "start-up": sum(row.startup for row in rows),
    }
    estimated["total"] = sum(estimated.values())
    return {kind: {"released": cost[kind], "estimated": guess} for kind, guess in estimated.items()}


def _words(value: Value) -> Iterator[str | Grid]:
    yield f"Scale {value['scale']} on {value['device']}, one job at a time:\n"
    total = {"suite": "total"} | value["total"]
    rows = [*value["suites"], {"suite": "shared", "jobs": value["jobs_across_suites"]}, total]
    texts = [(row["suite"], *(_text(row.get(name), form) for name, form in FORMS.items())) for row in rows]
    yield Grid(("suite", *HEADS), tuple(texts))
    yield ""
    for row in value["suites"]:
        yield from (f"{row['suite']}: {note}" for note in row["measured"])
    for row in value["suites"]:
        if row["not_measured"]:
            yield f"{row['suite']}: not measured: {row['not_measured']}"
    yield "± is half the range of the repetitions. Not counted: references, reading of data."
    yield "GiB: weights and states; a run in progress holds its own twice."
    if value["processor_share"] < MARGIN:
        percent = 100 * value["processor_share"]
        yield f"Other work held the processor: the measurement had {percent:.0f} % of what it wanted."
    if value["cpu_s"]:
        yield "\nAgainst the released results, CPU seconds (the released metrics hold those of references):"
        for kind, cost in value["cpu_s"].items():
            then, now = cost["released"], cost["estimated"]
            yield f"  {kind:<9} {then:9,.0f} released, estimated {now:9,.0f}, {100 * (now / then - 1):+.0f} %"


def _text(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)
