"""Released records as frames that pages quote from: every table of a scale, and what stands beside tables.

Tables are drawn from the records anew, so a page says what these say and not what a file once printed.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pandas as pd

from atbench.judgement.published import published
from atbench.reading import packs, tidy
from atbench.reading.rows import reference_rows
from atbench.reading.sheet import Sheet
from atbench.reading.timing import REFERENCES, TIME
from atbench.reading.tree import RUNS, Tree, of_its_time
from atbench.report.outputs import chosen
from atbench.report.render import Table
from atbench.runtime.errors import UserError, unknown
from atbench.runtime.files import visible
from atbench.runtime.json_files import read_json
from atbench.runtime.records import Record
from atbench.spec.address import FINAL, RELEASED
from atbench.spec.load import load, workflow
from atbench.spec.records import TimeForm

EVIDENCE = Path(RELEASED, "evidence")
FLOOR = ("reference", "floor")  # sampler and method of the row of a table that says how good samples can be


@cache
def sheet(scale: str) -> Sheet:
    """A released scale, under the protocol of its time. Raises UserError for one without cells."""
    root = Path(RELEASED, scale)
    benchmark, tree = of_its_time(load(scale), root), Tree(root)
    suites = tree.suites(benchmark)
    if not suites:
        raise UserError(f"{root}: no released cells there")
    return Sheet(benchmark, root, tidy.collect(benchmark, root, suites), suites)


@cache
def frame(table: str, scale: str | None = None) -> pd.DataFrame:
    """The numbers of a table: of those of a released scale, of OF_SCALE or, without a scale, of OTHERS.

    Raises UserError for a table that is not there.
    """
    if scale is None:
        if table not in OTHERS:
            raise UserError(unknown("table", table, OTHERS))
        return OTHERS[table]()
    if table in OF_SCALE:
        return OF_SCALE[table](scale)
    of = sheet(scale)
    [artefact] = chosen(of.benchmark, of.suites, [f"tables/{table}.csv"])
    drawn = artefact.draw(of)
    if not isinstance(drawn, Table):
        raise UserError(f"tables/{table}.csv: no table with numbers")
    numbers = drawn.numbers
    if {"sampler", "method", "mean"} <= {*numbers.columns}:
        numbers = numbers.assign(floor=_first(numbers[(numbers.sampler == FLOOR[0]) & (numbers.method == FLOOR[1])]))
    return numbers


def _first(rows: pd.DataFrame) -> float:
    return float(rows["mean"].iloc[0]) if len(rows) else float("nan")


def _cells(scale: str) -> pd.DataFrame:
    """Single cells of the last step. floor: of their suite; fresh: where images no model saw would stand, in floors."""
    of = sheet(scale)
    cells = of.frame[(of.frame.status == "done") & (of.frame.step == FINAL)]
    floors = {name: reference_rows(of.suite(name), of.root)["floor"]["fd"]["mean"] for name in of.suites}
    return cells.assign(floor=cells.suite.map(floors), fresh=1 + cells.samples / cells.reference)


def _cell_means(scale: str) -> pd.DataFrame:
    """Means over seeds of the distance and of what a cell says of its own uncertainty."""
    return _cells(scale).groupby(["suite", "method", "sampler", "nfe"], as_index=False)[["fd", "fd_se"]].mean()


def _runs(scale: str) -> pd.DataFrame:
    """Suite, method, seed and number of parameters of a scale's runs."""
    return pd.DataFrame(
        {"suite": suite, "method": name.split("/")[0], "parameters": record["parameters"]}
        for suite, name, record in _records(scale, "/config.json")
    )


def _records(scale: str, ending: str) -> Iterator[tuple[str, str, Record]]:
    """Suite, name and content of what is recorded of a scale's runs under names of that ending."""
    for path in visible(Path(RELEASED, scale), f"*/{RUNS}"):
        for name, record in packs.read_whole(path).items():
            if name.endswith(ending):
                yield path.parent.name, name, record


def _heldout(scale: str) -> pd.DataFrame:
    """eps_mse and variance of a scale's networks on held-out images, by suite, method, seed and t."""
    return pd.DataFrame(
        {key: record["run"][key] for key in ("suite", "method", "seed")}
        | {"t": error["t"], "eps_mse": error["after"]["mse"], "eps_mse_before": error["before"]["mse"]}
        | {"variance": variance["after"]}
        for _, _, record in _records(scale, "/final/heldout.json")
        for error, variance in zip(record["eps_mse"], record["variance_fraction"])
    )


def _heldout_means(scale: str) -> pd.DataFrame:
    return _heldout(scale).groupby(["suite", "method", "t"], as_index=False).mean(numeric_only=True)


def _mixture(scale: str) -> pd.DataFrame:
    """Rows of the closed form. times, rise and fall: the divergence beside that of plain training at that t."""
    rows = pd.DataFrame(read_json(Path(RELEASED, scale, "mixture.json"))["rows"])
    plain = rows[rows.objective == "plain"].set_index(["bumps", "t"]).kl_pq
    times = rows.kl_pq / [plain[row.bumps, row.t] for row in rows.itertuples()]
    return rows.assign(times=times, rise=times - 1, fall=1 - times, excess=rows.kl_qp - rows.bound)


def _references(scale: str) -> pd.DataFrame:
    """Mean and spread of every metric of the known image sets of a scale."""
    found = []
    for path in visible(Path(RELEASED, scale), "reference/*-rows.json"):
        for name, metrics in read_json(path).items():
            for metric, value in metrics.items() if name in ("floor", "held-out", "ceiling") else ():
                spread = value if isinstance(value, dict) else {"mean": value, "std": float("nan")}
                found.append({"set": name, "metric": metric, "mean": spread["mean"], "std": spread["std"]})
    return pd.DataFrame(found)


def _times(scale: str) -> pd.DataFrame:
    """CPU minutes of a scale's suites, and half of them, which is the clock's on two cores."""
    minutes = [(suite, spent["total"] / 60) for suite, spent in _spent(scale).items()]
    return pd.DataFrame(minutes, columns=["suite", "minutes"]).assign(half=lambda rows: rows.minutes / 2)


def _spent(scale: str) -> Record:
    """CPU seconds by suite. Raises UserError where the manifest lists another file, and where there is none."""
    path = Path(RELEASED, scale, TIME)
    if (record := Tree(path.parent).read(path, TimeForm)) is None:
        raise UserError(f"{path}: missing")
    return record


def _default_run() -> pd.DataFrame:
    """CPU seconds of what `make reproduce` makes, and the minutes of them on two cores."""
    scale = workflow().scale
    suites = {run.suite.name for run in load(scale).needed(list(workflow().suites))} | {REFERENCES}
    spent = _spent(scale)
    if missing := sorted(suites - spent.keys()):
        raise UserError(f"{Path(RELEASED, scale, TIME)}: lacks {', '.join(missing)}: release the whole default run")
    seconds = sum(spent[suite]["total"] for suite in suites)
    return pd.DataFrame([{"seconds": seconds, "half": seconds / 120}])


def _first_512() -> pd.DataFrame:
    """The first 512 images of cells of `workstation`. floor: that of as many, of `laptop-1`, which judged them."""
    floor = _first(frame("references", "laptop-1").query("set == 'floor' and metric == 'fd'"))
    records = [read_json(path) for path in visible(EVIDENCE, "512-images/*.json")]
    return pd.DataFrame([{"name": record["name"], **record["metrics"]} for record in records]).assign(floor=floor)


def _noise(part: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        record = read_json(EVIDENCE / "sampling-noise.json")
        rows = pd.json_normalize(record[part])
        if part == "cells":
            values = pd.DataFrame(rows.fd.tolist())
            floor = record["floor"]["mean"]
            rows = rows.assign(least=values.min(axis=1), most=values.max(axis=1), first=values[0], floor=floor)
        return rows.rename(columns=lambda name: name.removeprefix("cell.").replace("1 + n/m", "expected"))

    return read


OF_SCALE: dict[str, Callable[[str], pd.DataFrame]] = {
    "cells": _cells,
    "cell-means": _cell_means,
    "runs": _runs,
    "heldout": _heldout,
    "heldout-means": _heldout_means,
    "mixture": _mixture,
    "references": _references,
    "time": _times,
}
OTHERS: dict[str, Callable[[], pd.DataFrame]] = {
    "paper": lambda: published(load("paper")),
    "default-run": _default_run,
    "512-images": _first_512,
    "sampling-noise-floor": _noise("floor"),
    "sampling-noise-fresh": _noise("fresh"),
    "sampling-noise-cells": _noise("cells"),
}
