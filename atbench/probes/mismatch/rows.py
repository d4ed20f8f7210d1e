"""What the `mismatch.json` of a suite's runs say, as a frame, and the number in it that claims are about."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atbench.probes.mismatch import PROBE
from atbench.reading import doubt
from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite


def collect(suite: Suite, root: Path, seeds: list[int] | None = None) -> pd.DataFrame:
    """One row per method, seed, part (exposure, recovery, robust_loss) and row of that part; empty without results.

    Leaves out what was measured with another configuration or of other weights, and what is refused.
    """
    rows, tree = [], Tree(root)
    for run in suite.runs(seeds):
        record = tree.shown(tree.folder(run.address) / FINAL / PROBE.path(run).name, PROBE.form)
        if record and not doubt.of_measure(tree, run, record, PROBE.digests(run)):
            rows += [{"method": run.address.method, "seed": run.address.seed} | row for row in _rows(record)]
    frame = pd.DataFrame(rows)
    if rows:
        frame["eps_ratio"] = frame.eps_sampled / frame.eps_true
    return frame


def exposure(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns method, seed, sampler, exposure, exposure_floor: what the claim on the mismatch is about (claims.yaml).

    exposure = exp(mean over t of log distance), over the timesteps of what `collect` gave but each trajectory's first;
    exposure_floor is the same of the distance that as many true states have.
    """
    key = ["method", "seed", "sampler"]
    path = frame[frame.part == "exposure"]
    path = path[path.t < path.groupby(key).t.transform("max")]
    logs = np.log(path[["distance", "floor"]]).groupby([path[name] for name in key]).mean()
    return np.exp(logs).set_axis(["exposure", "exposure_floor"], axis=1).reset_index()


def claim_rows(sheet: Sheet) -> pd.DataFrame:
    """A row per run and sampler: the exposure, at the axes of the trajectory that was followed."""
    parts = []
    for name in sheet.suites:
        if name in PROBE.settings(sheet.benchmark).suites:
            rows = collect(sheet.suite(name), sheet.root, sheet.seeds_of(name))
            parts += [exposure(rows).assign(suite=name)] if len(rows) else []
    if not parts:
        return pd.DataFrame()
    axes = {"scale": sheet.benchmark.scale, "step": FINAL, "nfe": PROBE.settings(sheet.benchmark).nfe}
    return pd.concat(parts, ignore_index=True).assign(**axes, status="done", off_grid=False)


def _rows(record: dict[str, Any]) -> list[dict[str, Any]]:
    paths = [{"part": "exposure", "sampler": name} | row for name, rows in record["exposure"].items() for row in rows]
    return paths + [{"part": part} | row for part in ("recovery", "robust_loss") for row in record[part]]
