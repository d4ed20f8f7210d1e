"""One row per training run: whether its configuration file is there and current, and what the run cost."""

from pathlib import Path
from typing import Any

import pandas as pd

from atbench.reading import doubt
from atbench.reading.tidy import declared_runs, older_code
from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.spec.benchmark import Benchmark
from atbench.spec.run import RunSpec

COLUMNS = ["suite", "method", "seed", "status", "problem", "older_code", "seconds_training", "seconds_startup"]


def collect_runs(benchmark: Benchmark, root: Path, suites: list[str], seeds: list[int] | None = None) -> pd.DataFrame:
    """One row per run of ``suites`` and of all that they are made from. Columns: COLUMNS, seconds in s.

    status is `done`, `missing`, `stale`, `refused` or `failed` (the run left a failure report).
    """
    runs = declared_runs(benchmark, suites, seeds)
    first = [run for run in benchmark.needed(suites, seeds) if run not in runs]
    rows = [_row(Tree(root), run) for run in first + runs]
    return pd.DataFrame(rows, columns=COLUMNS).fillna({"seconds_training": 0.0, "seconds_startup": 0.0})


def _row(tree: Tree, run: RunSpec) -> dict[str, Any]:
    folder, address = tree.folder(run.address), run.address
    row = {"suite": address.suite, "method": address.method, "seed": address.seed}
    row |= {"status": "missing", "problem": "", "older_code": False, "seconds_training": 0.0, "seconds_startup": 0.0}
    row |= _recorded(run, tree)
    return row | ({"status": "failed"} if (folder / "failure.json").exists() else {})


def _recorded(run: RunSpec, tree: Tree) -> dict[str, Any]:
    try:
        config = tree.run(run.address)
    except UserError as error:
        return {"status": "refused", "problem": str(error).replace(f"{tree.root}/", "")}
    if config is None:
        return {}
    seconds, problem = config["seconds"], doubt.of_run(tree, run, config)
    return {
        "status": "stale" if problem else "done",
        "problem": problem,
        "older_code": older_code(config["provenance"].get("sources"), ("training",)),
        "seconds_training": seconds.get("training", 0.0),
        "seconds_startup": seconds.get("startup", 0.0),
    }
