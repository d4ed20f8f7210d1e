"""Qualitative comparison: the first samples of every method from the same latents, a row each, below real images."""

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
from atbench.report.figures import WIDTH, empty, title
from atbench.report.style import REFERENCE
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import fits, nearest_nfe

LINE = 0.52  # inches, height of one method


def samples(suite: Suite, cells: pd.DataFrame, root: Path) -> Figure:
    """One strip of the first images per method, of the suite's `grids` cell and the smallest seed; real ones above.

    The NFE is that of the cell, or the nearest. Equal columns share their latents. A missing or stale cell leaves an
    empty frame: a stale image would show another configuration.
    """
    assert suite.samples is not None
    sampler, seed = suite.samples.sampler, int(cells.seed.min())
    nfe = nearest_nfe(suite, sampler, suite.samples.nfe)
    at = (cells.step == FINAL) & (cells.sampler == sampler) & (cells.nfe == nfe) & (cells.seed == seed)
    shown = cells[at]
    words = f"{suite.sampler(sampler).label}, {nfe} NFE, seed {seed}; equal columns: equal latents"
    real = _shown(lambda: real_images(root, suite.judging))
    words += "" if real is None else "; first row: real images, held out"
    head = f"{title(suite, shown)}\n{words}"
    usable = {*shown[shown.status == "done"].method}
    methods = [name for name in ordered(suite) if fits(suite, suite.method(name), sampler)]
    found = {name: suite.run(name, seed).cell(FINAL, sampler, nfe).address for name in methods}
    strips = {name: _shown(partial(first_images, root, at)) if name in usable else None for name, at in found.items()}
    drawn = [strip for strip in strips.values() if strip is not None]
    if not drawn:
        return empty(head)
    rows = [] if real is None else [("real images", real)]
    rows += [(suite.method(name).label, strip) for name, strip in strips.items()]
    figure = Figure(figsize=(WIDTH, LINE * len(rows) + 0.6))
    figure.suptitle(head)
    for axes, (label, strip) in zip(figure.subplots(len(rows), 1, squeeze=False)[:, 0], rows):
        _draw(axes, strip, label, drawn[0].shape[0] / drawn[0].shape[1])
    return figure


def _shown(read: Callable[[], np.ndarray | None]) -> np.ndarray | None:
    """(height, width[, channels]) of some images in one line; None without a picture that can be believed."""
    try:
        images = read()
    except UserError as error:
        name_once(str(error))
        return None
    if images is None:
        return None
    gap = np.ones((images.shape[1], 1, *images.shape[3:]))  # white: images of one dark ground would run together
    parts = [part for image in images for part in (gap, image)]
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
