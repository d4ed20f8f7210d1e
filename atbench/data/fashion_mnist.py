"""Fashion-MNIST (Xiao et al. 2017) as published: four idx files, packed by gzip or not.

The name ``fashion-mnist`` is a promise: images bear it only if what the files hold has the known checksum. Packed anew,
as a distribution's package does it, they hold the same. Other sets of 28x28 grey images in ten classes and this layout,
MNIST say, are read under a name of their own with ``format: fashion-mnist`` and ``checksum: skip``.

An idx file: two zero bytes, the type of its values, the number of its axes, their lengths in four bytes each with the
highest first, and the values (pytorch/vision:torchvision/datasets/mnist.py, read_sn3_pascalvincent_tensor).
"""

import gzip
import hashlib
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atbench.data.fetch import fetch
from atbench.data.place import place
from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file
from atbench.spec.models.scale import Data

NAME = "fashion-mnist"
URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
TRAIN = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
HELD_OUT = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SHA256 = {  # of what the files hold, unpacked; published are MD5 sums of the packed ones (a test holds that they agree)
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
CLASSES = len(CLASS_NAMES)
SIDE, PADDING = 28, 2  # pixels per side, and those added on each side to make 32
BYTES = b"\0\0\x08"  # how an idx file of bytes begins
GZIP, SUFFIX = b"\x1f\x8b", ".gz"
MOST_IMAGES, MOST_PACKED = 100_000, 64 << 20  # of a file; of a packed one bytes: the largest official one has 26 MB


def read(data: Data, held_out: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images uint8 (N, 1, R, R), labels int64 (N,) and class names; held out are the test images. R: `at_side`.

    N is 60,000 and 10,000 for the official files. Of a file and its packed form in one folder the first is read. Raises
    UserError naming the file for one that is missing, cut, too long, of another kind or not the official one.
    """
    root, official = place(data, "a folder with its four idx files"), data.name == NAME
    names = HELD_OUT if held_out else TRAIN
    if data.download:
        download(root, names)
    pixels, numbers = (_file(root, name) for name in names)
    labels = _values(numbers, names[1], (), official)  # first: short, and they say how many images there must be
    if labels.max() >= CLASSES:
        raise UserError(f"{numbers}: labels up to {labels.max()}, expected 0 to {CLASSES - 1}")
    images = _values(pixels, names[0], (SIDE, SIDE), official, len(labels))
    classes = CLASS_NAMES if official else tuple(map(str, range(CLASSES)))
    return torch.from_numpy(at_side(images, data.resolution)), torch.from_numpy(labels.astype(np.int64)), classes


def at_side(images: np.ndarray, side: int) -> np.ndarray:
    """uint8 (N, 28, 28) -> (N, 1, side, side): 28 as they are, 32 with a black border, 16 that halved.

    Halved by means over 2x2 pixels, rounded to the nearest grey level and half a level up.
    """
    if side != SIDE:
        images = np.pad(images, ((0, 0), (PADDING, PADDING), (PADDING, PADDING)))
    if side < SIDE:
        sums = images.reshape(len(images), side, 2, side, 2).sum(axis=(2, 4), dtype=np.uint16)
        images = ((sums + 2) // 4).astype(np.uint8)
    return images[:, None].copy()  # what is read from a file cannot be written to, and torch warns of it


def download(folder: Path, names: tuple[str, ...]) -> None:
    """Put the official files into ``folder`` unless they are there. Raises UserError without a network."""
    for name, tail in zip(names, ((SIDE, SIDE), ())):
        packed = folder / (name + SUFFIX)
        if not packed.exists() and not (folder / name).exists():
            fetch(URL + packed.name, packed, MOST_PACKED, partial(_values, name=name, tail=tail, official=True))


def _file(root: Path, name: str) -> Path:
    """The file, or its packed form."""
    if not (root / name).exists() and (root / (name + SUFFIX)).exists():
        return root / (name + SUFFIX)
    if not (root / name).exists():
        raise UserError(f"{root}: holds neither {name} nor {name}{SUFFIX}: get {URL}{name}{SUFFIX}, or the package")
    return root / name


def _values(path: Path, name: str, tail: tuple[int, ...], official: bool, count: int | None = None) -> np.ndarray:
    """The values uint8 (N, *tail) of a file, N being ``count`` where that is given."""
    try:
        with open_file(path) as file:
            packed = file.read(2) == GZIP
            file.seek(0)
            stream = gzip.GzipFile(fileobj=file) if packed else file
            header = stream.read(4 * (2 + len(tail)))
            if fault := _fault(header, tail, count):
                raise UserError(f"{path}: {fault}")
            size = int.from_bytes(header[4:8], "big") * int(np.prod(tail, dtype=np.int64))
            values = stream.read(size)
            more = stream.read(1)  # reading to the end is also what makes gzip compare its own checksum
    except (OSError, EOFError, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{path}: not a complete idx file, packed or not ({reason})") from error
    if len(values) != size or more:
        found = f"{size - len(values):,} bytes are missing" if len(values) < size else "more bytes than its header says"
        raise UserError(f"{path}: {found}")
    if official:
        _verify(path, name, hashlib.sha256(header + values).hexdigest())
    return np.frombuffer(values, np.uint8).reshape(-1, *tail)


def _fault(header: bytes, tail: tuple[int, ...], count: int | None) -> str | None:
    """What is wrong with the head of a file of bytes (N, *tail); None when nothing is."""
    start = BYTES + bytes([1 + len(tail)])
    if len(header) < 4 * (2 + len(tail)) or not header.startswith(start):
        return f"begins with {header[:4].hex() or 'nothing'}, an idx file of these with {start.hex()}"
    images, *sides = np.frombuffer(header[4:], ">u4").tolist()
    if tuple(sides) != tail:
        return f"holds images of {' x '.join(map(str, sides))} pixels, expected {SIDE} x {SIDE}"
    if not 1 <= images <= MOST_IMAGES:
        return f"says it holds {images:,} images or labels, allowed: 1 to {MOST_IMAGES:,}"
    return f"holds {images:,} images, there are {count:,} labels" if count not in (None, images) else None


def _verify(path: Path, name: str, found: str) -> None:
    if found != SHA256[name]:
        remedy = f"for other images of this layout: another name, `format: {NAME}`, `checksum: skip`"
        raise UserError(f"{path}: holds SHA-256 {found[:16]}, the official one {SHA256[name][:16]}: altered; {remedy}")
