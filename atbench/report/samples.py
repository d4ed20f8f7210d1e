"""Qualitative comparison: the first samples of every method from the same latents, one row per method."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from atbench.config import Benchmark
from atbench.plan import fits, nfe_of
from atbench.reading.tidy import cell_file
from atbench.report.figures import WIDTH, empty, title
from atbench.report.style import REFERENCE, ordered
from atbench.spec.address import FINAL, Cell, Run

SIDE = 8  # images per side of the grid beside a cell
SHOWN = 2  # rows of that grid in the figure, laid side by side
LINE = 0.52  # inches, height of one method


def samples(benchmark: Benchmark, cells: pd.DataFrame, root: Path, suite: str) -> Figure:
    """One strip of SHOWN * SIDE images per method, of the suite's `grids` cell and the smallest seed.

    Equal columns share their latents. A missing or stale cell leaves an empty frame: a stale image would show
    another configuration.
    """
    declared = benchmark.suite(suite)
    sampler = declared["grids"]["sampler"]
    nfe = nearest_nfe(benchmark, suite)
    seed = int(cells.seed.min())
    at = (cells.step == FINAL) & (cells.sampler == sampler) & (cells.nfe == nfe) & (cells.seed == seed)
    shown = cells[at]
    words = f"{benchmark.samplers[sampler]['label']}, {nfe} NFE, seed {seed}; equal columns: equal latents"
    head = f"{title(benchmark, shown, suite)}\n{words}"
    runs = {method: Run(benchmark.scale, suite, method, seed) for method in ordered(declared["methods"])}
    methods = [method for method, run in runs.items() if fits(benchmark, run, sampler)]
    strips = {m: _strip(benchmark, root, shown[shown.method == m], suite, seed, sampler, nfe) for m in methods}
    drawn = [strip for strip in strips.values() if strip is not None]
    if not drawn:
        return empty(head)
    aspect = drawn[0].shape[0] / drawn[0].shape[1]
    figure = Figure(figsize=(WIDTH, LINE * len(methods) + 0.6))
    figure.suptitle(head)
    panels = figure.subplots(len(methods), 1, squeeze=False)[:, 0]
    for axes, (method, strip) in zip(panels, strips.items()):
        _draw(axes, strip, benchmark.methods[method]["label"], aspect)
    return figure


def nearest_nfe(benchmark: Benchmark, suite: str) -> int:
    """The NFE of the suite's sample figure, or the nearest: small scales lack the large ones."""
    wanted = benchmark.suite(suite)["grids"]
    return min(nfe_of(benchmark, suite, wanted["sampler"]), key=lambda nfe: abs(nfe - wanted["nfe"]))


def _strip(
    benchmark: Benchmark, root: Path, cells: pd.DataFrame, suite: str, seed: int, sampler: str, nfe: int
) -> np.ndarray | None:
    """(height, width, channels) of the first rows of a cell's grid in one line; None without a usable one."""
    if not (cells.status == "done").any():
        return None
    run = Run(benchmark.scale, suite, cells.method.iloc[0], seed)
    path = cell_file(root, Cell(run, FINAL, sampler, nfe)).with_suffix(".png")
    if not path.exists():
        return None
    image = imread(path)
    tile = image.shape[0] // SIDE
    starts = [(row * tile, column * tile) for row in range(SHOWN) for column in range(SIDE)]
    gap = np.ones((tile, 1, *image.shape[2:]))  # white: images of one dark ground would run into each other
    parts = [part for y, x in starts for part in (gap, image[y : y + tile, x : x + tile])]
    return np.concatenate(parts[1:], axis=1)


def _draw(axes: Axes, strip: np.ndarray | None, label: str, aspect: float) -> None:
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(True)
    axes.set_ylabel(label, rotation=0, ha="right", va="center")
    if strip is None:
        axes.text(0.5, 0.5, "—", ha="center", va="center", color=REFERENCE.colour, transform=axes.transAxes)
        axes.set_box_aspect(aspect)  # the shape of a strip, so that frames align
    else:
        axes.imshow(strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
