"""Qualitative comparison: the first samples of every method from the same latents at some NFE, below real images."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.reading.methods import ordered
from atbench.reading.pictures import first_images, real_images
from atbench.reading.tree import name_once
from atbench.report.figures import empty, heading, sheet, title
from atbench.report.style import REFERENCE, across, narrow
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import fits, nearest_nfe, nfe_of

NAMES = 1.0  # inches, of the names of methods beside their images
REAL = "real images"
GREYS = 15  # steps from black to white: no eye sees more on paper, and the file is half as large
Strips = dict[str, np.ndarray | None]  # name of a row -> (image, height, width[, channels]), None without a picture


def samples(suite: Suite, cells: pd.DataFrame, root: Path) -> Figure:
    """A block for each of some NFE with a row of first images per method, of the smallest seed; real ones above.

    Sampler and the NFE in the middle are those of the suite's `grids`; the others are the least and the most. Equal
    columns share their latents. A missing or stale cell leaves its row empty: a stale image would show another
    configuration.
    """
    assert suite.samples is not None
    sampler, seed = suite.samples.sampler, int(cells.seed.min())
    nfes = nfe_of(suite, sampler)
    nfes = sorted({nfes[0], nearest_nfe(suite, sampler, suite.samples.nfe), nfes[-1]})
    shown = cells[(cells.step == FINAL) & (cells.sampler == sampler) & cells.nfe.isin(nfes) & (cells.seed == seed)]
    blocks = {f"{nfe} NFE": _of_methods(suite, shown[shown.nfe == nfe], root, sampler, nfe) for nfe in nfes}
    if all(images is None for strips in blocks.values() for images in strips.values()):
        return empty(title(suite, shown))
    real = _shown(lambda: real_images(root, suite.judging))
    words = f"Samples by {suite.sampler(sampler).label}, seed {seed}; equal columns: equal latents"
    if real is not None:
        blocks = {"held out": {REAL: real}} | blocks
        words += "; first row: real images, held out"
    figure = _drawn(blocks)
    heading(figure, title(suite, shown), f"{words}.")
    return figure


def _of_methods(suite: Suite, cells: pd.DataFrame, root: Path, sampler: str, nfe: int) -> Strips:
    """The first images of each method at one NFE."""
    usable, seed = {*cells[cells.status == "done"].method}, int(cells.seed.min())
    methods = [name for name in ordered(suite) if fits(suite, suite.method(name), sampler)]
    found = {name: suite.run(name, seed).cell(FINAL, sampler, nfe).address for name in methods}
    read = {name: partial(first_images, root, at) for name, at in found.items()}
    return {suite.method(name).label: _shown(read[name]) if name in usable else None for name in methods}


def _shown(read: Callable[[], np.ndarray | None]) -> np.ndarray | None:
    """Some images; None without a picture that can be believed."""
    try:
        return read()
    except UserError as error:
        name_once(str(error))
        return None


def _drawn(blocks: dict[str, Strips]) -> Figure:
    """A panel per block, as tall as its rows."""
    count = 8 if narrow() else 16
    some = next(images for strips in blocks.values() for images in strips.values() if images is not None)
    rows = [len(strips) for strips in blocks.values()]
    tile = (across() - NAMES) / count * some.shape[1] / some.shape[2]
    figure = sheet(sum(rows) * tile + 0.24 * len(rows) - 0.4)
    panels = figure.subplots(len(blocks), 1, squeeze=False, height_ratios=rows)[:, 0]
    for axes, (name, strips) in zip(panels, blocks.items()):
        _draw(axes, strips, count, some.shape[1:])
        if REAL not in strips:
            axes.set_title(name)
    return figure


def _draw(axes: Axes, strips: Strips, count: int, shape: tuple[int, ...]) -> None:
    """Rows of images with white between them, for images of one dark ground would run together."""
    gap = max(1, shape[0] // 12)
    high, wide = shape[0] + gap, shape[1] + gap
    canvas = np.ones((len(strips) * high - gap, count * wide - gap, *shape[2:]))
    for row, images in enumerate(strips.values()):
        for column, image in enumerate([] if images is None else images[:count]):
            canvas[row * high :, column * wide :][: shape[0], : shape[1]] = image
        if images is None:
            middle = count * wide / 2, row * high + shape[0] / 2
            axes.text(*middle, "—", ha="center", va="center", color=REFERENCE.colour)
    if canvas.ndim == 2:
        canvas = np.round(canvas * GREYS) / GREYS
    # Pixel by pixel: a PDF would otherwise store them at the dots of print.
    axes.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="none")
    axes.set_yticks([row * high + (shape[0] - 1) / 2 for row in range(len(strips))], list(strips))
    axes.tick_params(left=False)
    axes.set_xticks([])
    axes.grid(False)
    axes.spines[:].set_visible(False)
