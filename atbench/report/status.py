"""What is done, missing, stale or failed, and what must be made again."""

from pathlib import Path
from typing import Any

import pandas as pd

from atbench.reading import timing
from atbench.reading.rows import all_reference_rows
from atbench.reading.runs import collect_runs
from atbench.reading.tidy import collect
from atbench.reading.tree import Tree
from atbench.spec.address import RELEASED, Cell, Run
from atbench.spec.benchmark import Benchmark

STATES = ["done", "missing", "stale", "failed", "refused", "older code"]
STALE = {"stale", "older code"}


def status(
    benchmark: Benchmark,
    root: Path,
    suites: list[str],
    stale: bool = False,
    paths: bool = False,
    time: bool = False,
    seeds: list[int] | None = None,
) -> str:
    """The state of ``suites`` as text.

    stale  list only what another configuration ("stale") or other sources ("older code") made
    paths  bare paths of what is to be made again, one a line (with ``stale``: only of the stale): input for
           Snakemake's -R. A stale run stands as its config.json, which its training rule writes.
    time   append what the results cost (reading.timing)
    """
    frame = collect(benchmark, root, suites, seeds)
    runs = collect_runs(benchmark, root, suites, seeds)
    if root.is_relative_to(RELEASED):  # made once, by the sources of its time: that these moved on is no fault of it
        frame["older_code"] = runs["older_code"] = False
    frame["state"] = cell_states(frame, runs)
    if paths:
        return "".join(f"{path}\n" for path, _ in outdated(benchmark, root, frame, runs, stale))
    if stale:
        listed = outdated(benchmark, root, frame, runs, stale)
        return "".join(f"{path}: {why}\n" for path, why in listed) or "Nothing is stale.\n"
    parts = [overview(frame), off_grid(root, frame)]
    parts += [timing.text(timing.total(frame, runs, all_reference_rows(benchmark, root)))] if time else []
    return "\n".join(part for part in parts if part)


def cell_states(frame: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """One of STATES but `older code` per cell: its status, or `failed` if missing because its run failed."""
    failed = runs[runs.status == "failed"]
    keys = set(zip(failed.suite, failed.method, failed.seed))
    where = zip(frame.suite, frame.method, frame.seed)
    return ["failed" if s == "missing" and k in keys else s for s, k in zip(frame.status, where)]


def counts(frame: pd.DataFrame) -> pd.DataFrame:
    """Number of declared cells per (suite, method) and state; `older code` cells are counted as done too."""
    cells = frame[~frame.off_grid]
    table = pd.crosstab([cells.suite, cells.method], cells.state)
    table["older code"] = (cells.older_code & (cells.state == "done")).groupby([cells.suite, cells.method]).sum()
    return table.reindex(columns=STATES, fill_value=0)


def overview(frame: pd.DataFrame) -> str:
    """The grid suite x method of `counts`, suites and methods in declared order, with a total."""
    table = counts(frame)
    if table.empty:
        return "No cells declared.\n"
    declared = frame[~frame.off_grid][["suite", "method"]].drop_duplicates()
    table = table.loc[list(declared.itertuples(index=False, name=None))]
    table.loc[("total", ""), :] = table.sum()
    body = table.astype(int).replace(0, "·").reset_index().to_string(index=False)
    return f"{body}\n"


def off_grid(root: Path, frame: pd.DataFrame) -> str:
    """Cells found on disk that no suite declares; they enter no table."""
    extra = frame[frame.off_grid]
    if extra.empty:
        return ""
    lines = "".join(f"  {_path(root, row)} ({row.state})\n" for row in extra.itertuples())
    return f"{len(extra)} cell(s) off the grid:\n{lines}"


def outdated(
    benchmark: Benchmark, root: Path, frame: pd.DataFrame, runs: pd.DataFrame, stale_only: bool
) -> list[tuple[Path, str]]:
    """(path, reason) of everything to make again: first the runs, then the declared cells."""
    found = []
    for row in runs.itertuples():
        folder = Tree(root).folder(Run(benchmark.scale, row.suite, row.method, row.seed))
        found.append((folder / "config.json", _reason(row.status, row.older_code), row.problem))
    for row in frame[~frame.off_grid].itertuples():
        found.append((_path(root, row), _reason(row.state, row.older_code), row.problem))
    wanted = STALE if stale_only else {*STATES} - {"done"}
    return [(path, f"{why} ({more})" if more else why) for path, why, more in found if why in wanted]


def _reason(state: str, older: bool) -> str:
    """Why something is to be made again; `done` for what is current."""
    return "older code" if state == "done" and older else state


def _path(root: Path, row: Any) -> Path:
    run = Run(row.scale, row.suite, row.method, row.seed)
    return Tree(root).path(Cell(run, row.step, row.sampler, row.nfe))
