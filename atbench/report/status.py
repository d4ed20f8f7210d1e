"""What is done, missing, stale or failed, and what must be made again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from atbench.reading import timing
from atbench.reading.released import runs_with_weights
from atbench.reading.rows import all_reference_rows
from atbench.reading.runs import collect_runs
from atbench.reading.tidy import collect, older_code
from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.runtime.listing import Grid, Listing, Value, listing
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
) -> Listing:
    """The state of ``suites``.

    stale  list only what another configuration ("stale") or other sources ("older code") made
    paths  bare paths of what is to be made again, one a line (with ``stale``: only of the stale): input for
           Snakemake's -R. A stale run stands as its config.json, which its training rule writes.
    time   append what the results cost (reading.timing)
    """
    frame = collect(benchmark, root, suites, seeds)
    runs = collect_runs(benchmark, root, suites, seeds)
    if root.is_relative_to(RELEASED):  # made once, by the sources of its time: that these moved on is no fault of it
        frame["older_code"] = runs["older_code"] = False
    else:
        _forgive_what_was_taken(Tree(root), taken(benchmark.scale, root), frame, runs)
    frame["state"] = cell_states(frame, runs)
    table, extra = counts(frame).astype(int), frame[frame.off_grid]
    names = frame[~frame.off_grid][["suite", "method"]].drop_duplicates()
    keys = {state: state.replace(" ", "_") for state in STATES}
    value = {
        "scale": benchmark.scale,
        "root": str(root),
        "methods": [
            {"suite": suite, "method": method, **table.loc[(suite, method)].rename(keys).to_dict()}
            for suite, method in names.itertuples(index=False, name=None)
        ],
        "total": table.sum().rename(keys).to_dict(),
        "off_grid": [{"path": str(_path(root, row)), "state": row.state} for row in extra.itertuples()],
        "to_make_again": [
            {"path": str(path), "reason": why} for path, why in outdated(benchmark, root, frame, runs, stale)
        ],
    }
    if time:
        seconds = timing.total(frame, runs, all_reference_rows(benchmark, root))
        value |= {"startup_percent": seconds.pop("start-up share"), "cpu_s": seconds}
    return listing(value, _paths if paths else _stale if stale else _overview)


def taken(scale: str, root: Path) -> set[tuple[str, str, int]]:
    """Suite, method and seed of the runs below ``root`` that are the released ones: their weights were taken."""
    here, there = Tree(root), Tree(Path(RELEASED, scale))
    found = set()
    for run in runs_with_weights(scale):
        try:
            own, released = here.run(run), there.run(run)
        except UserError:  # which is said of the run
            continue
        if own is not None and own == released:
            found.add((run.suite, run.method, run.seed))
    return found


def _forgive_what_was_taken(tree: Tree, runs_taken: set[Any], frame: pd.DataFrame, runs: pd.DataFrame) -> None:
    """The sources of a taken run are those of its time, as in released results: its cells are judged by their own."""
    for row in runs.itertuples():
        if (row.suite, row.method, row.seed) in runs_taken:
            runs.loc[row.Index, "older_code"] = False
    for row in frame[frame.older_code].itertuples():
        if (row.suite, row.method, row.seed) in runs_taken:
            run = Run(row.scale, row.suite, row.method, row.seed)
            record = tree.cell(Cell(run, row.step, row.sampler, row.nfe))
            assert record is not None
            frame.loc[row.Index, "older_code"] = older_code(record["provenance"].get("sources"), ("evaluation",))


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


def _overview(value: Value) -> Iterator[str | Grid]:
    """The grid suite x method of `counts`, suites and methods in declared order, with a total; what lies beside it."""
    if value["methods"]:
        rows = [*value["methods"], {"suite": "total", "method": ""} | value["total"]]
        keys = [state.replace(" ", "_") for state in STATES]
        texts = [(row["suite"], row["method"], *(str(row[key] or "·") for key in keys)) for row in rows]
        yield Grid(("suite", "method", *STATES), tuple(texts), named=2)
    else:
        yield "No cells declared."
    if extra := value["off_grid"]:  # found on disk, declared by no suite: they enter no table
        yield f"\n{len(extra)} cell(s) off the grid:"
        yield from (f"  {cell['path']} ({cell['state']})" for cell in extra)
    if "cpu_s" in value:
        yield "\n" + timing.text(value["cpu_s"], value["startup_percent"])


def _stale(value: Value) -> Iterator[str]:
    yield from (f"{found['path']}: {found['reason']}" for found in value["to_make_again"])
    if not value["to_make_again"]:
        yield "Nothing is stale."


def _paths(value: Value) -> Iterator[str]:
    yield from (found["path"] for found in value["to_make_again"])


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
