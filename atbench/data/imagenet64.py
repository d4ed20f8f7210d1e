"""ImageNet at 64x64 (Chrabaszcz et al. 2017): the published npz batches, or folders of images of your own making.

The name ``imagenet64`` stands for the npz batches with all 1,281,167 and 50,000 images; any other set, such as
another reduction of ImageNet in class folders, has a name of its own and ``format: imagenet64``.

The labels are the files': 1..1000 in the npz batches count the classes in the order of the ILSVRC development kit,
class folders sort by name (WordNet number). The public class-conditional checkpoints of guided-diffusion were trained
with the sorted order (openai/guided-diffusion:guided_diffusion/image_datasets.py): fine-tune those on class folders,
or name the kit's list of classes, `classes: map_clsloc.txt`, by which labels of npz batches are sorted too.
"""

import re
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atbench.data import folder
from atbench.data.place import place
from atbench.runtime.errors import UserError
from atbench.spec.models.scale import Data

REQUIRED = ()
OPTIONAL = ("path", "classes")

NAME = "imagenet64"
SIDE, CLASSES = 64, 1000
SHAPE = (3, SIDE, SIDE)  # of one image, planes first, as the files have it
TRAIN, HELD_OUT = tuple(f"train_data_batch_{i}.npz" for i in range(1, 11)), ("val_data.npz",)
COUNTS = {TRAIN: 1_281_167, HELD_OUT: 50_000}
FOLDERS = ("train", "val")  # of class folders
CLASS_LINE = re.compile(r"(n\d{8}) ([1-9]\d*) \S+")  # WordNet number, label, name
CHUNK = 1 << 20  # bytes read at a time
READ_ERRORS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError)


def read(data: Data, held_out: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images uint8 (N, 3, 64, 64), labels int64 (N,) from 0 and class names; held out is the validation set.

    In memory the images stand once: 15.7 GB for the training set. Raises UserError naming the file for one that is
    missing, truncated or of another kind, for labels out of range, and for ``imagenet64`` without all of its images.
    """
    root = place(data, f"a folder with {TRAIN[0]} ... {HELD_OUT[0]}, or with class folders in {' and '.join(FOLDERS)}")
    if all((root / name).is_dir() for name in FOLDERS):
        return _from_folders(data, root, held_out)
    names = HELD_OUT if held_out else TRAIN
    numbers = wordnet_numbers(Path(data.classes)) if data.classes else None  # before the images: minutes
    images, labels = read_batches([root / name for name in names], COUNTS[names] if data.name == NAME else None)
    if numbers is None:
        return images, labels, tuple(str(label) for label in range(1, CLASSES + 1))
    places = {number: place for place, number in enumerate(sorted(numbers))}
    return images, torch.tensor([places[number] for number in numbers])[labels], tuple(sorted(numbers))


def wordnet_numbers(path: Path) -> list[str]:
    """The class of each label in the development kit's order, from its lines `n02119789 1 kit_fox`.

    The file is PatrykChrabaszcz/Imagenet32_Scripts:map_clsloc.txt. Raises UserError naming the file for a line of
    another form, and for anything but 1,000 different classes numbered from 1.
    """
    try:
        found = dict(CLASS_LINE.fullmatch(line).group(2, 1) for line in path.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError, AttributeError) as error:
        raise UserError(f"{path}: not a list of classes, lines as `n02119789 1 kit_fox` ({_line(error)})") from error
    wanted = [str(label) for label in range(1, CLASSES + 1)]
    if sorted(found) != sorted(wanted) or len(set(found.values())) != CLASSES:
        raise UserError(f"{path}: expected {CLASSES} different classes, numbered from 1 to {CLASSES}")
    return [found[label] for label in wanted]


def _from_folders(data: Data, root: Path, held_out: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    if data.name == NAME:
        raise UserError(f"{root}: {NAME} means the npz batches: name these images yourself, with `format: {NAME}`")
    if data.classes:
        raise UserError(f"data.classes: the class folders of {root} are sorted by themselves")
    train, held = (folder.find_images(root / name) for name in FOLDERS)
    if train[1] != held[1] or not train[1]:
        raise UserError(f"{root}: {' and '.join(FOLDERS)} must hold the same class folders")
    return folder.read_labelled(root, *(held if held_out else train), channels=3, resolution=SIDE)


def read_batches(paths: list[Path], count: int | None) -> tuple[Tensor, Tensor]:
    """Images and labels of npz files, one after the other; ``count`` is how many images there must be in all.

    Every header is read before the first image, so a bad last file costs no minutes.
    """
    headers = [_header(path) for path in paths]
    total = sum(images for images, _ in headers)
    if count not in (None, total):
        raise UserError(
            f"{paths[0].parent}: {total} images in {len(paths)} files, {NAME} has {count}: another data set?"
        )
    images, start = torch.empty(total, *SHAPE, dtype=torch.uint8), 0
    for path, (size, _) in zip(paths, headers):
        _fill(path, images[start : start + size])
        start += size
    return images, torch.from_numpy(np.concatenate([labels for _, labels in headers]))


def _header(path: Path) -> tuple[int, np.ndarray]:
    """How many images a file has, and their labels int64, from 0."""
    if not path.is_file():
        raise UserError(f"{path}: no such file; {NAME} is {TRAIN[0]} ... {TRAIN[-1]} and {HELD_OUT[0]}")
    try:
        with zipfile.ZipFile(path) as archive, archive.open("data.npy") as file:
            shape, fortran, dtype = _array_header(file)
        with np.load(path, allow_pickle=False) as archive:
            labels = np.asarray(archive["labels"])
    except READ_ERRORS as error:
        raise UserError(f"{path}: not a complete npz with data and labels ({_line(error)})") from error
    width = int(np.prod(SHAPE))
    if fortran or dtype != np.uint8 or len(shape) != 2 or shape[1] != width or not shape[0]:
        raise UserError(f"{path}: data is {dtype} {shape}, expected uint8 (N, {width})")
    if labels.shape != shape[:1] or labels.dtype.kind not in "iu":
        raise UserError(f"{path}: labels are {labels.dtype} {labels.shape}, expected {shape[0]} whole numbers")
    if labels.min() < 1 or labels.max() > CLASSES:
        raise UserError(f"{path}: labels from {labels.min()} to {labels.max()}, expected 1 to {CLASSES}")
    return shape[0], labels.astype(np.int64) - 1


def _array_header(file) -> tuple[tuple[int, ...], bool, np.dtype]:
    """(shape, Fortran order, dtype) of an npy stream, which then stands at the first value."""
    version = np.lib.format.read_magic(file)
    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in header:
        raise ValueError(f"npy version {version}")
    return header[version](file)


def _fill(path: Path, images: Tensor) -> None:
    """Decompress a file's images straight to their place (n, 3, 64, 64): no second copy."""
    target = memoryview(images.numpy()).cast("B")
    try:
        with zipfile.ZipFile(path) as archive, archive.open("data.npy") as file:
            _array_header(file)
            done = 0
            while done < len(target):
                read = file.readinto(target[done : done + CHUNK])
                if not read:
                    raise EOFError(f"{len(target) - done} bytes are missing")
                done += read
            if file.read(1):  # reading to the end is also what makes zipfile compare the checksum
                raise ValueError("more bytes than its header says")
    except READ_ERRORS as error:
        raise UserError(f"{path}: its images cannot be read ({_line(error)})") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
