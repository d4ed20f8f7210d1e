"""ImageNet at 64x64 (Chrabaszcz et al. 2017): the published npz batches, or folders of images of your own making.

The name ``imagenet64`` stands for the npz batches with all 1,281,167 and 50,000 images; any other set, such as
another reduction of ImageNet in class folders, has a name of its own and ``format: imagenet64``.

The labels are the files': 1..1000 in the npz batches count the classes in the order of the ILSVRC development kit,
class folders sort by name (WordNet number). The public class-conditional checkpoints of guided-diffusion were trained
with the sorted order (openai/guided-diffusion:guided_diffusion/image_datasets.py): fine-tune those on class folders,
or name the kit's list of classes, `classes: map_clsloc.txt`, by which labels of npz batches are sorted too.
"""

import re
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atbench.data import folder, npz
from atbench.data.place import place
from atbench.runtime.errors import UserError
from atbench.runtime.files import read_bytes
from atbench.spec.models.scale import Data

NAME = "imagenet64"
SIDE, CLASSES = 64, 1000
SHAPE = (3, SIDE, SIDE)  # of one image, planes first, as the files have it
TRAIN, HELD_OUT = tuple(f"train_data_batch_{i}.npz" for i in range(1, 11)), ("val_data.npz",)
COUNTS = {TRAIN: 1_281_167, HELD_OUT: 50_000}
FOLDERS = ("train", "val")  # of class folders
CLASS_LINE = re.compile(r"(n\d{8}) ([1-9]\d*) \S+")  # WordNet number, label, name
MOST_CLASSES = 1 << 20  # bytes of the list of classes
# Times that images may grow when they are decompressed: photographs do by two, and the largest files of zeros by a
# thousand.
MOST_GROWTH, SMALL = 32, 1 << 20


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
        lines = read_bytes(path, MOST_CLASSES).decode().splitlines()
        found = dict(CLASS_LINE.fullmatch(line).group(2, 1) for line in lines)
    except (UnicodeDecodeError, AttributeError) as error:
        reason = npz.one_line(error)
        raise UserError(f"{path}: not a list of classes, lines as `n02119789 1 kit_fox` ({reason})") from error
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
    if not path.exists():
        raise UserError(f"{path}: no such file; {NAME} is {TRAIN[0]} ... {TRAIN[-1]} and {HELD_OUT[0]}")
    try:
        with npz.Archive(path) as archive:
            data, names = archive.header("data"), archive.header("labels")
            fault = _fault(data, names)
            labels = None if fault else archive.read("labels")
    except npz.READ_ERRORS as error:
        raise UserError(f"{path}: not a complete npz with data and labels ({npz.one_line(error)})") from error
    if fault:
        raise UserError(f"{path}: {fault}")
    if labels.min() < 1 or labels.max() > CLASSES:
        raise UserError(f"{path}: labels from {labels.min()} to {labels.max()}, expected 1 to {CLASSES}")
    return len(labels), labels.astype(np.int64) - 1


def _fault(data: npz.Header, labels: npz.Header) -> str | None:
    """What is wrong with a file, by the headers of its arrays; None when nothing is."""
    width = int(np.prod(SHAPE))
    if data.fortran or data.dtype != np.uint8 or len(data.shape) != 2 or data.shape[1] != width or not data.shape[0]:
        return f"data is {data.dtype} {data.shape}, expected uint8 (N, {width})"
    if data.nbytes > MOST_GROWTH * max(data.packed, SMALL):
        return f"data grows from {data.packed:,} to {data.nbytes:,} bytes when it is read, which no photographs do"
    if labels.shape != data.shape[:1] or labels.dtype.kind not in "iu":
        return f"labels are {labels.dtype} {labels.shape}, expected {data.shape[0]} whole numbers"
    return None


def _fill(path: Path, images: Tensor) -> None:
    """Decompress a file's images straight to their place (n, 3, 64, 64)."""
    try:
        with npz.Archive(path) as archive:
            archive.fill("data", memoryview(images.numpy()).cast("B"))
    except npz.READ_ERRORS as error:
        raise UserError(f"{path}: its images cannot be read ({npz.one_line(error)})") from error
