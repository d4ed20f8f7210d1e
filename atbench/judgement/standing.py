"""Where one cell stands over seeds: what it gains over the baseline, and the verdicts that it is part of."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from atbench.judgement import claims, points
from atbench.judgement.comparisons import comparisons
from atbench.judgement.paired import SHARES
from atbench.judgement.statistics import interval
from atbench.reading import tidy
from atbench.reading.sheet import Sheet, with_results
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import DISTANCE, METRICS
from atbench.spec.run import CellSpec

AT = ["suite", "step", "sampler", "nfe"]  # what cells share that are compared


def results(benchmark: Benchmark, root: Path) -> Sheet:
    """All results of the scale below ``root``: a verdict is corrected for the number of all comparisons.

    Of seeds beyond the scale's too, where a run was asked for more.
    """
    suites = with_results(benchmark, root)
    frame = tidy.collect(benchmark, root, suites)
    if len(there := {*frame.seed}) > len({*frame.seed[~frame.off_grid]}):
        frame = tidy.collect(benchmark, root, suites, sorted(map(int, there)))
    return Sheet(benchmark, root, frame, suites)


def gain(cell: CellSpec, frame: pd.DataFrame) -> dict[str, Any] | None:
    """What a cell's method gains over the suite's baseline at its point, paired by seed; None without a pair.

    Shares of the baseline's distance, positive where the method is better: the mean of log ratios over ``seeds``, and
    its 95 % t-interval, NaN from one seed.
    """
    axes, baseline, leads = cell.address.axes, cell.run.suite.baseline, cell.run.suite.leads
    there = frame[(frame[AT] == [axes[key] for key in AT]).all(axis=1) & (frame[leads] > 0)]
    distances = there.pivot(index="seed", columns="method", values=leads)
    if axes["method"] == baseline or not {axes["method"], baseline} <= {*distances.columns}:
        return None
    ratios = np.log(distances[baseline] / distances[axes["method"]]).dropna()
    if ratios.empty:
        return None
    mean, _, seeds, low, high = interval(ratios.tolist())
    shares = {"gain": mean, "low": low, "high": high}
    return {key: SHARES.as_written(share) for key, share in shares.items()} | {"seeds": seeds}


def verdicts(cell: CellSpec, sheet: Sheet) -> pd.DataFrame:
    """The rows of `claims.judge` about a metric of cells, whose method has this cell among those that are compared.

    Raises UserError where a claim cannot be judged, and for an unreadable file of a side measure.
    """
    at = cell.address
    point = (at.run.method, at.step, at.sampler, at.nfe)
    compared = comparisons(sheet.benchmark, sheet.suites)
    judged = claims.verdicts(sheet.benchmark, compared, points.collect(sheet))
    metrics = {name for name, claim in sheet.benchmark.claims.items() if claim.metric in {*METRICS, DISTANCE}}
    about = [
        each.claim in metrics and each.suite == at.run.suite and point in {ours for ours, _ in each.pairs}
        for each in compared
    ]
    return judged[about]
