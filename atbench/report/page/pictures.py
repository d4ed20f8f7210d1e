"""Sample sheets of the page: a strip of first images per method and step count, one image file per method."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from atbench.reading.methods import ordered
from atbench.reading.pictures import first_images
from atbench.reading.sheet import Sheet
from atbench.reading.tidy import final_cells
from atbench.reading.tree import name_once
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import fits, nfe_of, samplers_of

GREY = 0.93  # of the frame that stands for a strip that is not there
PAINTED = 64  # pixels: images that are smaller are shown as squares of one colour, not smoothed


@dataclass(frozen=True)
class Strips:
    """The strips of one method, or of real images: an image file with a strip per step count, one below the other."""

    label: str
    source: str  # data: URI
    count: int
    ratio: str  # width / height of one strip
    lacks: str = ""  # step counts without images, in words

    @property
    def size(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class Sampled:
    """What one sampler made from the latents of one seed, method by method."""

    sampler: str
    nfes: list[int]
    start: int  # place of the step count that is shown first
    seed: int
    painted: bool
    strips: list[Strips]


def sampled(sheet: Sheet, suite: Suite) -> Iterator[Sampled]:
    """The sheets of a suite, that of the printed figure first; nothing for samplers without a single image."""
    cells = final_cells(sheet.frame, suite)
    if suite.samples is None or cells.empty:
        return
    seed = int(cells.seed.min())
    names = sorted(samplers_of(suite), key=lambda name: name != suite.samples.sampler)
    for sampler in names:
        usable = cells[(cells.sampler == sampler) & (cells.seed == seed) & (cells.status == "done")]
        nfes = nfe_of(suite, sampler)
        methods = [name for name in ordered(suite) if fits(suite, suite.method(name), sampler)]
        images = {name: _images(sheet.root, suite, usable, (name, seed, sampler), nfes) for name in methods}
        found = [image for each in images.values() for image in each if image is not None]
        if found:
            strips = [_strips(suite.method(name).label, images[name], nfes, found[0]) for name in methods]
            near = min(range(len(nfes)), key=lambda place: abs(nfes[place] - suite.samples.nfe))
            yield Sampled(
                suite.sampler(sampler).label, nfes, near, seed, found[0].shape[1] < PAINTED, [s for s in strips if s]
            )


def real_strips(images: np.ndarray) -> Strips:
    """Real images, (image, height, width[, channels]) in 0..1, as one strip."""
    return Strips("Real images", *_written([_line(images)]))


def _images(
    root: Path, suite: Suite, usable: pd.DataFrame, at: tuple[str, int, str], nfes: list[int]
) -> list[np.ndarray | None]:
    """The first images per step count; None where a cell is missing, stale, or without a picture."""
    name, seed, sampler = at
    there = {int(nfe) for nfe in usable[usable.method == name].nfe}
    found: list[np.ndarray | None] = []
    for nfe in nfes:
        try:
            cell = suite.run(name, seed).cell(FINAL, sampler, nfe)
            found.append(first_images(root, cell.address) if nfe in there else None)
        except UserError as error:
            name_once(str(error))
            found.append(None)
    return found


def _strips(label: str, images: list[np.ndarray | None], nfes: list[int], like: np.ndarray) -> Strips | None:
    lacking = [str(nfe) for nfe, image in zip(nfes, images) if image is None]
    if len(lacking) == len(nfes):
        return None
    lines = [_line(np.full_like(like, GREY) if image is None else image) for image in images]
    words = f"no images at NFE {', '.join(lacking)}" if lacking else ""
    return Strips(label, *_written(lines), words)


def _line(images: np.ndarray) -> np.ndarray:
    """Images side by side with a white line between them."""
    gap = np.ones((images.shape[1], 1, *images.shape[3:]))
    return np.concatenate([part for image in images for part in (gap, image)][1:], axis=1)


def _written(lines: list[np.ndarray]) -> tuple[str, int, str]:
    """data: URI of a PNG, number of strips, width / height of one."""
    pixels = np.rint(np.concatenate(lines) * 255).astype(np.uint8)
    with BytesIO() as file:
        Image.fromarray(pixels).save(file, "PNG", optimize=True)
        source = base64.b64encode(file.getvalue()).decode()
    height, width = lines[0].shape[:2]
    return f"data:image/png;base64,{source}", len(lines), f"{width} / {height}"
