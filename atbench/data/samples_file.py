"""Sample files: .npz with uint8 NHWC in `arr_0`, as in openai/guided-diffusion:evaluations/README.md."""

from pathlib import Path

import numpy as np
from torch import Tensor

from atbench.data import npz
from atbench.data.folder import channels_first, common_mode, find_images, pixels, read_image
from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file, write_atomically
from atbench.runtime.images import MOST_PIXELS

KEY = "arr_0"
SHOWN = 9  # keys in a message
REMEDY = f"save it with numpy.savez(path, {KEY}=...)"
Shape = tuple[int, int, int]  # (C, H, W) of an image


def read_samples(path: str | Path, wanted: Shape | None = None, most: int | None = None) -> Tensor:
    """Samples from any source as uint8 (N, C, H, W) with C = 1 or 3.

    path: an .npz with key `arr_0` (further arrays, such as labels in `arr_1`, are not needed), or a folder of
    PNG or JPEG images of one mode and size, flat or in class sub-folders, by file name and never resized.
    wanted, most: their shape, and how many there may be; looked at before any is decompressed or decoded.
    Raises UserError naming the file and key.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path, wanted, most)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder of samples")
    try:
        with npz.Archive(path) as archive:
            if KEY not in archive.names:
                found = ", ".join(archive.names[:SHOWN]) or "nothing"
                raise UserError(f"{path}: key {KEY} is missing, found: {found}")
            if fault := _fault(archive.header(KEY), wanted, most):
                raise UserError(f"{path}: key {KEY}: {fault}")
            return channels_first(archive.read(KEY))
    except npz.NotAnArray as error:
        raise UserError(f"{path}: key {KEY} is not a NumPy array: {REMEDY}") from error
    except npz.READ_ERRORS as error:
        if _is_bare(path):
            raise UserError(f"{path}: a bare array, not an .npz: {REMEDY}") from error
        fault = f"key {KEY} cannot be read, is the file a complete .npz? ({npz.one_line(error)})"
        raise UserError(f"{path}: {fault}") from error


def write_samples(path: str | Path, images: Tensor) -> None:
    """Write uint8 (N, C, H, W) as `arr_0`, NHWC; the file appears whole or not at all.

    Raises ValueError when `images` has another dtype or shape, UserError when `path` is not an .npz.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise UserError(f"{path}: samples are written as .npz")
    array = images.detach().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    if fault := _fault(array):
        raise ValueError(f"{path}: {fault}")
    write_atomically(path, lambda temporary: np.savez(temporary, **{KEY: array}))


def _read_folder(root: Path, wanted: Shape | None, most: int | None) -> Tensor:
    """All images of a folder, uint8 (N, C, H, W); metrics must see the pixels as they are: one size only."""
    paths, _ = find_images(root)
    common_mode(paths, wanted[1] * wanted[2] if wanted else MOST_PIXELS)
    if fault := _unwanted(pixels(read_image(paths[0])).shape, len(paths), wanted, most):
        raise UserError(f"{root}: {fault}")
    images = None
    for row, path in enumerate(paths):
        image = pixels(read_image(path))
        images = np.empty((len(paths), *image.shape), np.uint8) if images is None else images
        if image.shape != images[0].shape:
            sizes = [f"{shape[1]} x {shape[0]}" for shape in (image.shape, images[0].shape)]
            raise UserError(f"{path}: {sizes[0]} pixels, but {paths[0].name} has {sizes[1]}: use one size")
        images[row] = image
    return channels_first(images)


def _is_bare(path: Path) -> bool:
    with open_file(path) as file:
        return file.read(len(npz.MAGIC)) == npz.MAGIC


def _fault(array: np.ndarray | npz.Header, wanted: Shape | None = None, most: int | None = None) -> str | None:
    """What is wrong with an array of samples, or with what its header says; None when nothing is."""
    if array.dtype != np.uint8:
        # Guessing the range of floats ([0, 1], [-1, 1], 0..255) would shift every metric.
        return f"dtype {array.dtype} is not allowed: uint8 (0..255)"
    if len(array.shape) != 4 or array.shape[3] not in (1, 3):
        return f"shape {array.shape} is not allowed: (N, H, W, C) with C = 1 or 3"
    if not array.nbytes:
        return f"shape {array.shape} holds no pixels"
    return _unwanted(array.shape[1:], array.shape[0], wanted, most)


def _unwanted(shape: Shape, count: int, wanted: Shape | None, most: int | None) -> str | None:
    """What is wrong with images (H, W, C), in words; None when nothing is."""
    if wanted and (shape[2], *shape[:2]) != wanted:
        return f"images of shape {shape}, allowed: {(*wanted[1:], wanted[0])} (H, W, C)"
    return f"{count:,} images, at most {most:,} are read" if most and count > most else None
