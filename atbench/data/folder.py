"""Any folder of PNG or JPEG images as a data set; the one place where image files are found and decoded."""

import hashlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from atbench.runtime.errors import UserError, unknown
from atbench.runtime.files import check_file
from atbench.runtime.images import DECODE_ERRORS, MOST_PIXELS, damaged, open_image
from atbench.spec.models.scale import Data

HELD_OUT_SHARE = 0.25
# Below these a nearest-neighbour ratio and a held-out distance say nothing, and a batch does not fill.
MIN_TRAIN, MIN_HELD_OUT = 64, 16

SUFFIXES = (".png", ".jpg", ".jpeg")
MODE_OF_CHANNELS = {1: "L", 3: "RGB"}
MODE_HINTS = {
    "RGBA": "flatten the transparency onto a background first",
    "LA": "flatten the transparency onto a background first",
    "P": "expand the palette to RGB first",
    "1": "save it as 8-bit grey first",
    "CMYK": "convert it to RGB first",
}


def read(data: Data, held_out: bool) -> tuple[Tensor, Tensor | None, tuple[str, ...]]:
    """Images uint8 (N, channels, resolution, resolution) by file name, labels int64 (N,) or None, classes.

    Labels are the ranks of the class sub-folders' sorted names; none where some folders are held out whole. Every
    image is resized on its short side and cropped at the centre; smaller images are enlarged. Grey may be repeated to
    3 channels; colour is never dropped.
    Raises UserError for a bad folder, an image that cannot be used, and a split that is too small.
    """
    root, mode = Path(data.path), MODE_OF_CHANNELS[data.channels]
    paths, class_names = find_images(root)
    _check_channels(root, common_mode(paths), mode)
    parts = split(data, root, paths, class_names)
    if data.held_out_folders:
        class_names = ()
    if class_names:
        _check_classes(root, parts[False], class_names)
    if not held_out:  # a damaged image there would else come up after the training
        for path in parts[True]:
            read_image(path)
    images = _read_images(parts[held_out], mode, data.resolution)
    return images, _labels(parts[held_out], class_names) if class_names else None, class_names


def read_labelled(
    root: Path, paths: list[Path], class_names: tuple[str, ...], channels: int, resolution: int
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """What `read` returns, for all images that `find_images` found in class folders, none held out."""
    mode = MODE_OF_CHANNELS[channels]
    _check_channels(root, common_mode(paths), mode)
    return _read_images(paths, mode, resolution), _labels(paths, class_names), class_names


def _read_images(paths: list[Path], mode: str, resolution: int) -> Tensor:
    """uint8 (N, C, resolution, resolution), each image decoded to its place: a large set stands in memory once."""
    channels = {mode: channels for channels, mode in MODE_OF_CHANNELS.items()}[mode]
    images = np.empty((len(paths), channels, resolution, resolution), dtype=np.uint8)
    for row, path in zip(images, paths):
        row[:] = fit(read_image(path).convert(mode), resolution).transpose(2, 0, 1)
    return torch.from_numpy(images)


def _labels(paths: list[Path], class_names: tuple[str, ...]) -> Tensor:
    """int64 (N,): the rank of each file's class folder."""
    ranks = {name: rank for rank, name in enumerate(class_names)}
    return torch.tensor([ranks[path.parent.name] for path in paths])


def find_images(root: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Image files under `root` sorted by name, and the class names (sub-folders; none if it is flat).

    Raises UserError for a missing or empty folder, images beside sub-folders, deeper folders, foreign files, and what
    bears the name of an image but is no file.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder of images")
    files, folders = _entries(root)
    if files and folders:
        raise UserError(f"{root}: {files[0].name} lies beside the sub-folder {folders[0].name}: use one or the other")
    for class_folder in folders:
        inside, deeper = _entries(class_folder)
        if deeper or not inside:
            fault = f"holds the sub-folder {deeper[0].name}" if deeper else "is an empty class folder"
            raise UserError(f"{class_folder}: {fault}: a class folder holds images only")
        files += inside
    if not files:
        raise UserError(f"{root}: holds no images ({', '.join(SUFFIXES)})")
    return files, tuple(class_folder.name for class_folder in folders)


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """(image files, sub-folders) of one folder, each sorted by name; hidden ones (.DS_Store) left out."""
    entries = listed(folder)
    files = [p for p in entries if not p.is_dir()]
    for path in files:
        # Skipping a .webp or .bmp would quietly change the data set.
        if path.suffix.lower() not in SUFFIXES:
            raise UserError(f"{path}: not a PNG or JPEG image ({', '.join(SUFFIXES)}): convert it or move it away")
        check_file(path)
    return files, [p for p in entries if p.is_dir()]


def listed(folder: Path) -> list[Path]:
    """What lies in a folder, by name, without what a system hides there. UserError for a name that is no text."""
    try:
        entries = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=lambda p: p.name)
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error
    for path in entries:
        try:
            path.name.encode()
        except UnicodeEncodeError as error:
            raise UserError(f"{path}: its name is not UTF-8 text: rename it") from error
    return entries


def common_mode(paths: list[Path], most: int = MOST_PIXELS) -> str:
    """The one Pillow mode of all files, "L" or "RGB", from their headers.

    Raises UserError naming an odd file, and one of more than ``most`` pixels.
    """
    first = None
    for path in paths:
        with open_image(path, most=most) as image:
            mode = image.mode
        check_mode(path, mode)
        first = first or mode
        if mode != first:
            raise UserError(f"{path}: image mode {mode} differs from {paths[0].name}'s {first}: use one mode")
    return first


def check_mode(path: Path, mode: str) -> None:
    """Raises UserError naming the file for a Pillow mode other than those of MODE_OF_CHANNELS."""
    if mode not in MODE_OF_CHANNELS.values():
        hint = MODE_HINTS.get(mode, "save it as 8-bit grey or RGB first")
        raise UserError(f"{path}: image mode {mode} is not allowed (L or RGB): {hint}")


def _check_channels(root: Path, found: str, wanted: str) -> None:
    """Grey to RGB repeats a channel and loses nothing; RGB to grey would drop what the files hold."""
    if (found, wanted) == ("RGB", "L"):
        raise UserError(f"{root}: data.channels is 1 but the images are RGB: set 3, or convert the files to grey")


def as_rgb(image: Image.Image, name: object) -> Image.Image:
    """An 8-bit image in RGB, by a conversion that loses nothing: from RGB, grey or a palette without transparency.

    Raises UserError naming the image for any other mode: 16-bit values would be cut, transparency and CMYK guessed.
    """
    if image.mode in ("RGB", "L") or (image.mode == "P" and "transparency" not in image.info):
        return image.convert("RGB")
    hint = MODE_HINTS.get(image.mode, "save it as 8-bit grey or RGB first")
    raise UserError(f"{name}: image mode {image.mode} is not allowed (RGB, L or P without transparency): {hint}")


def read_image(file: Path | BinaryIO, name: str | None = None) -> Image.Image:
    """One decoded image, upright (EXIF orientation applied); UserError with its name when it is damaged."""
    with open_image(file, name) as image:
        try:
            return ImageOps.exif_transpose(image)
        except DECODE_ERRORS as error:
            raise damaged(name or file, error) from error


def fit(image: Image.Image, resolution: int) -> np.ndarray:
    """uint8 (resolution, resolution, C): short side resized, centre cropped; the same pixels if it fits."""
    image = resized(image, resolution, Image.Resampling.BICUBIC)
    left, top = ((side - resolution) // 2 for side in image.size)
    return pixels(image.crop((left, top, left + resolution, top + resolution)))


def resized(image: Image.Image, resolution: int, kernel: Image.Resampling) -> Image.Image:
    """The image with a short side of ``resolution`` pixels. Pillow widens the kernel when reducing: no aliasing."""
    scale = resolution / min(image.size)
    size = tuple(max(resolution, round(side * scale)) for side in image.size)
    return image if size == image.size else image.resize(size, kernel)


def pixels(image: Image.Image) -> np.ndarray:
    """uint8 (H, W, C) with C = 1 or 3."""
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def channels_first(images: np.ndarray) -> Tensor:
    """NHWC array -> contiguous NCHW tensor."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def is_held_out(name: str, share: float) -> bool:
    """Whether a file belongs to the held-out part: a function of its relative name only.

    SHA-256 of the name, read as a fraction of 2^64, against the share: adding a file moves no other file.
    """
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") < share * 2**64


def split(data: Data, root: Path, paths: list[Path], folders: tuple[str, ...]) -> dict[bool, list[Path]]:
    """Whether held out -> the files of that part. Both are checked, whichever is used: fail before training, not after.

    Raises UserError for a part that is too small and a folder that is not there.
    """
    wanted, share = data.held_out_folders, HELD_OUT_SHARE if data.held_out is None else data.held_out
    for name in wanted or ():
        if name not in folders:
            raise UserError(f"{root}: data.held_out_folders: {unknown('sub-folder', name, folders)}")
    parts: dict[bool, list[Path]] = {True: [], False: []}
    for path in paths:
        name = path.relative_to(root)
        parts[name.parts[0] in wanted if wanted else is_held_out(name.as_posix(), share)].append(path)
    if len(parts[False]) < MIN_TRAIN or len(parts[True]) < MIN_HELD_OUT:
        how = f"held_out_folders {', '.join(wanted)}" if wanted else f"held_out {share}"
        raise UserError(
            f"{root}: too few images: {len(parts[False])} train and {len(parts[True])} held-out "
            f"(data.{how}); at least {MIN_TRAIN} and {MIN_HELD_OUT}"
        )
    return parts


def _check_classes(root: Path, train: list[Path], class_names: tuple[str, ...]) -> None:
    """A class without training images would be sampled but never learnt."""
    for name in sorted(set(class_names) - {path.parent.name for path in train}):
        raise UserError(f"{root / name}: all images of this class fall into the held-out part: add images")
