"""Sample files: .npz with uint8 NHWC in `arr_0`, as in openai/guided-diffusion:evaluations/README.md."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
from torch import Tensor

from atbench.data.folder import channels_first, common_mode, find_images, pixels, read_image
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically

KEY = "arr_0"
# What NumPy raises for a damaged archive or member, and for a pickle that allow_pickle=False turns away.
READ_ERRORS = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def read_samples(path: str | Path) -> Tensor:
    """Samples from any source as uint8 (N, C, H, W) with C = 1 or 3.

    path: an .npz with key `arr_0` (further arrays, such as labels in `arr_1`, are not needed), or a folder of
    PNG or JPEG images of one mode and size, flat or in class sub-folders, by file name and never resized.
    Raises UserError naming the file and key.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file or folder of samples")
    array = _read_array(path)
    if fault := _fault(array):
        raise UserError(f"{path}: key {KEY}: {fault}")
    return channels_first(array)


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


def _read_folder(root: Path) -> Tensor:
    """All images of a folder, uint8 (N, C, H, W); metrics must see the pixels as they are: one size only."""
    paths, _ = find_images(root)
    common_mode(paths)
    images = [pixels(read_image(path)) for path in paths]
    for path, image in zip(paths, images):
        if image.shape != images[0].shape:
            sizes = [f"{shape[1]} x {shape[0]}" for shape in (image.shape, images[0].shape)]
            raise UserError(f"{path}: {sizes[0]} pixels, but {paths[0].name} has {sizes[1]}: use one size")
    return channels_first(np.stack(images))


def _read_array(path: Path) -> np.ndarray:
    """The array behind KEY, as stored."""
    try:
        # Samples come from strangers: a pickle would run their code.
        with path.open("rb") as file:
            return _member(path, np.load(file, allow_pickle=False))
    except READ_ERRORS as error:
        reason = " ".join(str(error).split())
        fault = f"key {KEY} cannot be read, is the file a complete .npz? ({reason})"
        raise UserError(f"{path}: {fault}") from error


def _member(path: Path, archive) -> np.ndarray:
    """The array behind KEY of what NumPy made of the file."""
    remedy = f"save it with numpy.savez(path, {KEY}=...)"
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise UserError(f"{path}: a bare array, not an .npz: {remedy}")
    if KEY not in archive.files:
        raise UserError(f"{path}: key {KEY} is missing, found: {', '.join(archive.files) or 'nothing'}")
    array = archive[KEY]
    # NumPy hands over a zip member that is no .npy file as plain bytes.
    if not isinstance(array, np.ndarray):
        raise UserError(f"{path}: key {KEY} is not a NumPy array: {remedy}")
    return array


def _fault(array: np.ndarray) -> str | None:
    """What is wrong with an array of samples, or None."""
    if array.dtype != np.uint8:
        # Guessing the range of floats ([0, 1], [-1, 1], 0..255) would shift every metric.
        return f"dtype {array.dtype} is not allowed: uint8 (0..255)"
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        return f"shape {array.shape} is not allowed: (N, H, W, C) with C = 1 or 3"
    if not array.size:
        return f"shape {array.shape} holds no pixels"
    return None
