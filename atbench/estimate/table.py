"""What a scale would take on the machine at hand, as text: hours, disk and jobs per suite, and how sure that is."""

from dataclasses import dataclass

import pandas as pd

from atbench.spec.workload import Workload

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
    cpu_training: float = 0.0
    cpu_sampling: float = 0.0
    startup: float = 0.0  # of all jobs
    disk: int = 0  # bytes
    notes: tuple[str, ...] = ()  # what was measured


def forecast(
    scale: str, device: str, rows: list[Row], shared: int, share: float, released: dict[str, float] | None
) -> str:
    """The estimate of ``rows`` as text.

    shared    jobs that belong to no suite
    share     of the processor that the measurement had; below 1 other work held it
    released  what released results of the same suites cost (atbench.reading.timing), if there are any
    """
    known = [row for row in rows if not row.fault]
    lines = [f"Scale {scale} on {device}, one job at a time:\n", table(rows, shared), ""]
    lines += [f"{row.work.suite}: {note}" for row in known for note in row.notes]
    lines += [f"{row.work.suite}: not measured: {row.fault}" for row in rows if row.fault]
    lines.append("± is half the range of the repetitions. Not counted: metrics, references, reading of data.")
    lines.append("GiB: weights and states; a run in progress holds its own twice.")
    if share < MARGIN:
        lines.append(f"Other work held the processor: the measurement had {100 * share:.0f} % of what it wanted.")
    if released:
        lines += ["", against(released, known)]
    return "\n".join(lines)


def table(rows: list[Row], shared: int) -> str:
    """A line per suite and their sum. Hours in h, disk in GiB; dashes for what was not measured."""
    lines = [{"suite": row.work.suite} | figures([row]) | ({} if row.fault else estimate([row])) for row in rows]
    total = {"suite": "total"} | figures(rows) | estimate([row for row in rows if not row.fault])
    total["jobs"] = f"{sum(map(jobs, rows)) + shared:,}"
    whole = pd.DataFrame([*lines, {"suite": "shared", "jobs": f"{shared:,}"}, total])
    return whole[list(total)].fillna("-").to_string(index=False)


def jobs(row: Row) -> int:
    return row.work.compute_jobs + row.work.report_jobs


def figures(rows: list[Row]) -> dict[str, str]:
    """What is known without measuring."""
    counts = {
        "runs": sum(len(row.work.runs) for row in rows),
        "jobs": sum(map(jobs, rows)),
        "cells": sum(row.work.cells for row in rows),
        "batches": sum(row.work.batches for row in rows),
    }
    return {name: f"{count:,}" for name, count in counts.items()}


def estimate(rows: list[Row]) -> dict[str, str]:
    """Hours, their spread, and disk."""
    parts = {name: sum((getattr(row, name) for row in rows), NOTHING) for name in ("training", "sampling")}
    startup = sum(row.startup for row in rows)
    whole = parts["training"] + parts["sampling"]
    hours = {f"{name} h": f"{part.middle / 3600:.2f}" for name, part in parts.items()}
    hours |= {"start-up h": f"{startup / 3600:.2f}", "hours": f"{(whole.middle + startup) / 3600:.2f}"}
    return hours | {"±": f"{whole.percent:.0f} %", "GiB": f"{sum(row.disk for row in rows) / GIB:.2f}"}


def against(cost: dict[str, float], rows: list[Row]) -> str:
    """Released CPU seconds beside the estimated ones, kind by kind (see atbench.reading.timing)."""
    estimated = {
        "training": sum(row.cpu_training for row in rows),
        "sampling": sum(row.cpu_sampling for row in rows),
        "start-up": sum(row.startup for row in rows),
    }
    estimated["total"] = sum(estimated.values())
    lines = ["Against the released results, CPU seconds:"]
    for kind in ("training", "sampling", "metrics", "start-up", "total"):
        guess = estimated.get(kind)
        found = "none" if guess is None else f"{guess:9,.0f}, {100 * (guess / cost[kind] - 1):+.0f} %"
        lines.append(f"  {kind:<9} {cost[kind]:9,.0f} released, estimated {found}")
    return "\n".join(lines)
