"""One row per training run: whether its configuration file is there and current, and what the run cost."""

from pathlib import Path

import pandas as pd

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.reading.tidy import older_code, run_folder
from atbench.runtime.errors import UserError
from atbench.runtime.files import read_json
from atbench.spec.address import Run

COLUMNS = ["suite", "method", "seed", "status", "older_code", "seconds_training", "seconds_startup"]


def collect_runs(benchmark: Benchmark, root: Path, suites: list[str], seeds: list[int] | None = None) -> pd.DataFrame:
    """One row per run of ``suites`` and of those they rest on. Columns: COLUMNS, seconds in s.

    status is `done`, `missing`, `stale`, `unreadable` or `failed` (the run left a failure report).
    """
    runs = [run for suite in suites for run in plan.runs(benchmark, suite, seeds)]
    first = [run for run in plan.foundations(benchmark, suites) if run not in runs]
    rows = [_row(benchmark, root, run) for run in first + runs]
    return pd.DataFrame(rows, columns=COLUMNS).fillna({"seconds_training": 0.0, "seconds_startup": 0.0})


def _row(benchmark: Benchmark, root: Path, run: Run) -> dict:
    folder = run_folder(root, run)
    row = {
        "suite": run.suite,
        "method": run.method,
        "seed": run.seed,
        "status": "missing",
        "older_code": False,
    }
    row |= {"seconds_training": 0.0, "seconds_startup": 0.0}
    if (folder / "config.json").exists():
        row |= _recorded(benchmark, run, folder / "config.json")
    return row | ({"status": "failed"} if (folder / "failure.json").exists() else {})


def _recorded(benchmark: Benchmark, run: Run, path: Path) -> dict:
    try:
        config = read_json(path)
    except UserError:
        return {"status": "unreadable"}
    seconds = config.get("seconds", {})
    return {
        "status": "done" if config.get("digest") == slices.training_digest(benchmark, run) else "stale",
        "older_code": older_code(config.get("provenance", {}).get("sources"), ("training",)),
        "seconds_training": seconds.get("training", 0.0),
        "seconds_startup": seconds.get("startup", 0.0),
    }
