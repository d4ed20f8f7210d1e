"""What a notebook needs: results as a frame, networks, samples, and two methods beside each other.

Addresses are those of the command line, below the root of a checkout, which must be the current folder.
"""

from pathlib import Path

import pandas as pd
from torch import Tensor, nn

from atbench.judgement.paired import difference
from atbench.reading import tidy
from atbench.reading.tree import of_its_time
from atbench.runtime.device import choose
from atbench.runtime.errors import UserError
from atbench.spec import address
from atbench.spec.load import load, load_cell, load_run
from atbench.spec.metrics import METRICS, metric_label
from atbench.tasks.evaluate import generator_of, run_record, sampler_of, weights

UNITS = {"seconds_sampling": "CPU s", "seconds_metrics": "CPU s", "seconds_startup": "CPU s", "nfe": "evaluations"}


def load_results(scale: str, suites: list[str] | None = None, released: bool | None = None) -> pd.DataFrame:
    """The cells of a scale, one a row: address, status, metrics, counts, seconds, commit.

    suites: by name; None: all of the scale that are sampled. released: the released results; None: those where no
    local ones are. ``frame.attrs["units"]`` says what the columns of metrics and times are in, ``["labels"]`` what
    metrics are called, ``["scale"]`` the scale. Raises UserError for an unknown scale or suite.
    """
    benchmark = load(scale)
    chosen = [benchmark.suite(name) for name in (benchmark.suites if suites is None else suites)]
    if released is None:
        released = not any(Path(address.ROOT, scale, suite.name).is_dir() for suite in chosen)
    root = Path(address.RELEASED if released else address.ROOT, scale)
    frame = tidy.collect(of_its_time(benchmark, root), root, [suite.name for suite in chosen if suite.samplers])
    metrics = [name for name in frame if name in METRICS]
    units = {name: METRICS[name].unit or "1" for name in metrics} | {k: u for k, u in UNITS.items() if k in frame}
    labels = {name: metric_label(name, benchmark.file.extractor) for name in metrics}
    frame.attrs = {"scale": scale, "units": units, "labels": labels}
    return frame


def load_model(run: str, step: str = address.FINAL) -> nn.Module:
    """The averaged weights of a run, results/<scale>/<suite>/<method>/seed<S>, in evaluation mode.

    A U-Net takes x_t (N, C, H, W) in [-1, 1] and timesteps (N,), and gives eps, then v where it learns the variance.
    Weights that are released are taken where none were trained here. Raises UserError where there are none, naming the
    command that makes them.
    """
    spec = load_run(address.parse_run(run))
    run_record(spec)
    if step not in spec.snapshots:
        raise UserError(f"{run}: no such snapshot, {step}; this run has {', '.join(spec.snapshots)}")
    return weights(spec, step)


def sample(cell: str, count: int = 64) -> Tensor:
    """Images of a cell, .../<step>/<sampler>-nfe<N>.json, on the grid or off it: uint8 (count, C, H, W).

    The first ``count`` of those that are scored, whatever the count: every image has a latent of its own. Raises
    UserError for what cannot be sampled.
    """
    spec = load_cell(address.parse_cell(cell))
    sampler_of(spec)  # refuses what cannot be sampled before anything is read
    run_record(spec.run)
    return generator_of(spec, choose(spec.run.suite.threads))(count)[0]


def compare_methods(results: pd.DataFrame, suite: str, method: str, baseline: str, metric: str = "fd") -> pd.DataFrame:
    """Differences of a metric between two methods of the same seed, a row per sampler and NFE, negative: lower.

    results: of `load_results`. Columns: sampler, nfe, mean, std (divisor n - 1), n seeds, low and high of the 95 %
    t-interval, each for itself; it is NaN for one seed. A verdict takes five seeds and the correction of the tables.
    Raises UserError for an unknown suite, method or metric.
    """
    found = load(results.attrs["scale"]).suite(suite)
    for name in (method, baseline):
        if name not in found.methods:
            raise UserError(f"{suite}: unknown method {name!r}; known: {', '.join(found.methods)}")
    if metric not in METRICS:
        raise UserError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
    return difference(found, results, method, baseline, metric)
