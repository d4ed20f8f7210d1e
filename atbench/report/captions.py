"""The words that go with a table: no number travels without its scale, budget and commit."""

from pathlib import Path

import pandas as pd

from atbench import plan
from atbench.config import Benchmark
from atbench.metric_names import distance_name
from atbench.report.style import ordered
from atbench.runtime.files import read_json
from atbench.spec.address import Run
from atbench.workload import Budget, budget

METRIC_LABELS = {
    "kid": "KID",
    "is": "inception score",
    "precision": "precision",
    "recall": "recall",
    "caption_score": "caption score (share of images that show the digit asked for)",
    "clip_score": "CLIP score (mean of max(100 cos, 0))",
    "exposure": "exposure bias (Frechet distance of the states visited to q(x_t), geometric mean over timesteps)",
    "sfid": "sFID",
    "fid_legacy_tensorflow": "FID by clean-fid (resized as by TensorFlow)",
    "fid_clean": "FID by clean-fid (resized by Pillow, bicubic)",
    "nn_ratio": "nearest-neighbour ratio (1 = no memorisation)",
}
REFERENCE_LABELS = {
    "reconstruction": "reconstruction (autoencoder)",
    "floor": "floor (training images)",
    "held-out": "held-out images",
    "ceiling": "ceiling (noise)",
}


def budgets(benchmark: Benchmark, suite: str) -> dict[str, Budget]:
    """The budget of every method of a suite, in the fixed order of methods."""
    methods = ordered(benchmark.suite(suite)["methods"])
    return {method: budget(benchmark, Run(benchmark.scale, suite, method, 0)) for method in methods}


def metric_label(benchmark: Benchmark, metric: str) -> str:
    return distance_name(benchmark.sizes["extractor"]) if metric == "fd" else METRIC_LABELS[metric]


def all_reference_rows(benchmark: Benchmark, root: Path) -> list[dict]:
    """The reference rows of every data set of the scale."""
    return [reference_rows(benchmark, root, suite) for suite in plan.references(benchmark).values()]


def reference_rows(benchmark: Benchmark, root: Path, suite: str) -> dict:
    """The scores of the known image sets that belong to a suite, or {} when they have not been computed.

    Raises UserError for a file that cannot be read.
    """
    paths = [plan.rows_path(benchmark, suite)]
    if plan.is_latent(benchmark, suite):
        paths.insert(0, plan.reconstruction_path(benchmark, suite))
    rows: dict = {}
    for path in (Path(root) / "reference" / path.name for path in paths):
        rows |= read_json(path) if path.exists() else {}
    return rows


def foreign_rows(root: Path, rows: dict) -> dict[str, dict]:
    """Name -> metrics of the image sets that `atbench score` measured against the reference behind ``rows``.

    A set measured against another reference is left out: its numbers stand on another scale.
    """
    records = [read_json(path) for path in sorted(Path(root).glob("foreign/*.json"))]
    present = rows.get("inputs", {}).get("reference")
    return {record["name"]: record["metrics"] for record in records if record["inputs"]["reference"] == present}


def conditions(benchmark: Benchmark, frame: pd.DataFrame, rows: dict, suite: str) -> str:
    """Scale, image counts, distance, seeds, budgets, commits and gaps of the cells in ``frame``."""
    init = plan.init_of(benchmark.suite(suite))
    start = f" on top of {init}" if "/" in init else ""
    spent = "; ".join(f"{_label(benchmark, m)} {b}" for m, b in budgets(benchmark, suite).items())
    return (
        f"Scale {benchmark.scale}; {plan.evaluation_of(benchmark, suite)['samples']:,} samples per cell against "
        f"{_reference_count(frame, rows)} reference images; features: {benchmark.sizes['extractor']} "
        f"({metric_label(benchmark, 'fd')}); {_seeds(frame)}. Budget{start}: {spent}. "
        f"{_commits(frame)} {gaps(frame)}"
    )


def gaps(frame: pd.DataFrame) -> str:
    """How many cells lack a usable number, e.g. ``Of 24 cells 2 are stale and 3 missing.``"""
    count = frame.status.value_counts()
    text = f"Of {len(frame)} cells {count.get('stale', 0)} are stale and {count.get('missing', 0)} missing"
    unreadable = count.get("unreadable", 0)
    return f"{text}, {unreadable} unreadable." if unreadable else f"{text}."


def _label(benchmark: Benchmark, method: str) -> str:
    return benchmark.methods[method]["label"]


def _seeds(frame: pd.DataFrame) -> str:
    seeds = sorted(frame.seed.unique())
    return f"{len(seeds)} seed{'s' if len(seeds) != 1 else ''} ({', '.join(map(str, seeds))})"


def _reference_count(frame: pd.DataFrame, rows: dict) -> str:
    counts = {int(n) for n in frame[frame.status == "done"].reference.dropna()}
    counts |= {int(rows["counts"]["train"])} if "train" in rows.get("counts", {}) else set()
    return " or ".join(f"{n:,}" for n in sorted(counts)) or "an unknown number of"


def _commits(frame: pd.DataFrame) -> str:
    commits = sorted(frame[frame.status == "done"].commit.dropna().unique())
    if not commits:
        return "No results yet."
    return f"Commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}."
