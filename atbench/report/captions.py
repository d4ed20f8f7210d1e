"""The words that go with a table: no number travels without its scale, budget and commit."""

import pandas as pd

from atbench.judgement.enough import too_few
from atbench.reading.methods import budgets
from atbench.reading.rows import Rows
from atbench.reading.tidy import begun
from atbench.spec.benchmark import Suite
from atbench.spec.metrics import FEATURES, HELD_OUT, PER_FEATURE, distance_name, images_wanted, metric_label

REFERENCE_LABELS = {
    "reconstruction": "reconstruction (autoencoder)",
    "floor": "floor (training images)",
    "mark": "mark (any new images)",
    "held-out": "held-out images",
    "ceiling": "ceiling (noise)",
}


def conditions(suite: Suite, frame: pd.DataFrame, rows: Rows) -> str:
    """Scale, image counts, distance, seeds, budgets, commits and gaps of the cells in ``frame``."""
    start = f" on top of {suite.init}" if "/" in suite.init else ""
    spent = "; ".join(f"{suite.method(name).label} {budget}" for name, budget in budgets(suite).items())
    return (
        f"Scale {suite.scale}; {suite.evaluation.samples:,} samples per cell against "
        f"{_reference_count(frame, rows)} reference images{_held_out(suite, rows)}; features: {suite.extractor} "
        f"({metric_label('fd', suite.extractor)}); {seeds(frame)} ({_listed(frame)}). Budget{start}: {spent}. "
        f"{_commits(frame)} {gaps(frame)}{_few(suite, frame)}"
    )


def _held_out(suite: Suite, rows: Rows) -> str:
    """Beside the number of training images, that of the held-out ones where the distance to these leads."""
    count = rows.get("counts", {}).get("heldout") if suite.leads == HELD_OUT else None
    return f" ({count:,} held-out ones for distances to these)" if count else ""


def _few(suite: Suite, frame: pd.DataFrame) -> str:
    """What so few real images cannot say."""
    if not too_few(frame, suite.extractor):
        return ""
    return (
        f" Fewer than {images_wanted(suite.extractor):,} real images, {PER_FEATURE} for each of the "
        f"{FEATURES[suite.extractor]:,} features: {distance_name(suite.extractor)} is shown without bold or verdict; "
        f"KID leads (table {suite.name}-kid)."
    )


def gaps(frame: pd.DataFrame) -> str:
    """How many cells lack a usable number, e.g. ``Of 24 cells 2 are stale and 3 missing.``

    Seeds that a suite has not begun are counted apart: they may be run and released one by one. Cells beside the grid
    are not counted.
    """
    frame = frame[~frame.off_grid]
    there = begun(frame)
    count = there.status.value_counts()
    text = f"Of {len(there)} cells {count.get('stale', 0)} are stale and {count.get('missing', 0)} missing"
    text += f", {count['refused']} refused" if "refused" in count else ""
    waiting = len(frame[["suite", "seed"]].drop_duplicates()) - len(there[["suite", "seed"]].drop_duplicates())
    return f"{text}; {waiting} seed{'s are' if waiting > 1 else ' is'} not begun." if waiting else f"{text}."


def seeds(frame: pd.DataFrame) -> str:
    """How many seeds there are, e.g. ``2 of 12 seeds`` where not all are begun."""
    frame = frame[~frame.off_grid]
    there, declared = begun(frame).seed.nunique(), frame.seed.nunique()
    return f"{there} of {declared} seeds" if there < declared else f"{declared} seed{'s' if declared != 1 else ''}"


def _listed(frame: pd.DataFrame) -> str:
    return ", ".join(map(str, sorted(begun(frame[~frame.off_grid]).seed.unique())))


def _reference_count(frame: pd.DataFrame, rows: Rows) -> str:
    counts = {int(n) for n in frame[frame.status == "done"].reference.dropna()}
    counts |= {int(rows["counts"]["train"])} if "train" in rows.get("counts", {}) else set()
    return " or ".join(f"{n:,}" for n in sorted(counts)) or "an unknown number of"


def _commits(frame: pd.DataFrame) -> str:
    commits = sorted(frame[frame.status == "done"].commit.dropna().unique())
    if not commits:
        return "No results yet."
    return f"Commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}."
