"""The first images of a cell, read from the picture beside it or from a released sheet."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.runtime.images import DECODE_ERRORS, open_image
from atbench.spec.address import FINAL, Cell, Run
from atbench.spec.judging import Judging

SIDE = 8  # images per side of the picture beside a cell
SHOWN = 2  # rows of it that a sheet keeps and figures show
NFE = "nfe"  # text in a sheet's PNG: the step count of each of its strips, from top to bottom


def first_images(root: Path, cell: Cell) -> np.ndarray | None:
    """The first SHOWN * SIDE images of a cell below ``root``: (image, height, width[, channels]) in 0..1.

    None where there is neither its picture nor a sheet with it.
    """
    folder = Path(root, cell.run.suite, cell.run.method, f"seed{cell.run.seed}", cell.step)
    picture = folder / cell.path.with_suffix(".png").name
    strip = first_rows(picture) if picture.exists() else _strip(root, cell)
    return None if strip is None else _apart(strip)


def real_images(root: Path, judging: Judging) -> np.ndarray | None:
    """The first SHOWN * SIDE held-out images that a suite is judged by; shape as in `first_images`, None without."""
    picture = Path(root, "reference", judging.picture_path.name)
    if not picture.exists():
        return None
    Tree(Path(root)).check_listed(picture)
    return _apart(first_rows(picture))


def first_rows(picture: Path) -> np.ndarray:
    """The first rows of the picture beside a cell, laid side by side."""
    pixels = _pixels(picture)
    if pixels.shape[0] % SIDE or pixels.shape[1] % SIDE:
        raise UserError(f"{picture}: not a picture of {SIDE} x {SIDE} samples")
    tile = pixels.shape[0] // SIDE
    return np.concatenate(np.split(pixels[: SHOWN * tile], SHOWN), axis=1)


def sheet_path(run: Run, sampler: str) -> str:
    """The sheet of a run's last step, below the root of its scale."""
    return f"{run.suite}/sheets/{run.method}-seed{run.seed}-{sampler}.png"


def write_sheet(path: Path, strips: Mapping[int, np.ndarray]) -> None:
    """Write a sheet: step count -> `first_rows`, one strip below the other, from few steps to many."""
    image, text = Image.fromarray(np.concatenate([strips[nfe] for nfe in sorted(strips)])), PngInfo()
    text.add_text(NFE, " ".join(map(str, sorted(strips))))
    write_atomically(path, lambda temporary: image.save(temporary, "PNG", optimize=True, pnginfo=text))


def _apart(strip: np.ndarray) -> np.ndarray:
    """A strip's images: (image, height, width[, channels]) in 0..1."""
    return np.stack(np.split(strip, SHOWN * SIDE, axis=1)).astype(np.float32) / 255


def _strip(root: Path, cell: Cell) -> np.ndarray | None:
    path = Path(root, sheet_path(cell.run, cell.sampler))
    if cell.step != FINAL or not path.exists():
        return None
    Tree(root).check_listed(path)
    pixels, nfes = _pixels(path), _text(path).split()
    if not nfes or pixels.shape[0] % len(nfes) or pixels.shape[1] % (SHOWN * SIDE):
        raise UserError(f"{path}: not a sheet of samples: its text {NFE} does not fit its size")
    return np.split(pixels, len(nfes))[nfes.index(str(cell.nfe))] if str(cell.nfe) in nfes else None


def _text(path: Path) -> str:
    with open_image(path) as image:
        return str(image.info.get(NFE, ""))


def _pixels(path: Path) -> np.ndarray:
    with open_image(path) as image:
        try:
            return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
        except DECODE_ERRORS as error:
            raise UserError(f"{path}: not an image, perhaps cut off ({error})") from error
