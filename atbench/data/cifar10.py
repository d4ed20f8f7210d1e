"""CIFAR-10 (Krizhevsky 2009) as published: the folder ``cifar-10-batches-py`` or the archive that holds it.

The name ``cifar10`` is a promise: images bear it only if every file has the official checksum. Others in the same
layout, re-encoded ones say, are read under a name of their own with ``format: cifar10`` and ``checksum: skip``.
"""

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from atbench.data import array_pickle
from atbench.data.fetch import fetch
from atbench.data.npz import Sips
from atbench.data.place import place
from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file, read_bytes
from atbench.spec.models.scale import Data

NAME = "cifar10"
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE, FOLDER = "cifar-10-python.tar.gz", "cifar-10-batches-py"
TRAIN, HELD_OUT = tuple(f"data_batch_{i}" for i in range(1, 6)), ("test_batch",)
# MD5 is what was published (also in pytorch/vision:torchvision/datasets/cifar.py). It tells the files' identity, not
# their harmlessness: that rests on `array_pickle`.
MD5 = {
    ARCHIVE: "c58f30108f718f92721af3b95e74349a",
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SHAPE = (3, 32, 32)  # of one image, planes first, as the files have it
GZIP = b"\x1f\x8b"
# Bytes of a batch and of the archive, and members of it: the official ones have 31 MB, 171 MB and 9.
MOST_BATCH, MOST_ARCHIVE, MOST_MEMBERS = 64 << 20, 256 << 20, 16


def read(data: Data, held_out: bool) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Images uint8 (N, 3, 32, 32), labels int64 (N,) and class names; held out is the official test batch.

    N is 50,000 and 10,000 for the official files. Raises UserError for a missing, truncated, foreign or wrong file,
    and for a name that does not fit the checksum's being skipped.
    """
    official = _is_official(data)
    root = place(data, f"a folder with {ARCHIVE} or {FOLDER}")
    if data.download:
        download(root)
    source = _source(root)
    contents = _archived if source.is_file() else _unpacked
    parts = [_batch(file, content) for file, content in contents(source, HELD_OUT if held_out else TRAIN, official)]
    images, labels = (torch.from_numpy(np.concatenate(arrays)) for arrays in zip(*parts))
    return images, labels, CLASS_NAMES


def _is_official(data: Data) -> bool:
    """Whether `data` claims to be the official data set, and so must pass the checksum."""
    official, skipped = data.name == NAME, data.checksum == "skip"
    if not official and not skipped:
        raise UserError(f"data {data.name}: images other than the official ones need `checksum: skip`")
    if skipped and data.download:
        raise UserError(f"data.download: fetches the official files, which are called {NAME}")
    return official


def download(folder: Path) -> None:
    """Put the official archive into `folder` unless it or its content is there. Raises UserError without a network."""
    archive = folder / ARCHIVE
    if archive.exists() or (folder / FOLDER).exists():
        return

    def verify(temporary: Path) -> None:
        with temporary.open("rb") as file:
            _verify(temporary, hashlib.file_digest(file, _md5), ARCHIVE)

    fetch(URL, archive, MOST_ARCHIVE, verify)


def _source(root: Path) -> Path:
    """The archive or the folder of batches that `root` is or holds."""
    for found in (root / FOLDER, root / ARCHIVE):
        if found.exists():
            return found
    if root.is_file() or any((root / name).exists() for name in TRAIN + HELD_OUT):
        return root
    raise UserError(f"{root}: holds neither {FOLDER} nor {ARCHIVE}: get {URL} and put it there, or set data.download")


def _unpacked(folder: Path, names: tuple[str, ...], official: bool) -> Iterator[tuple[str, bytes]]:
    """(file, content) of the batches in a folder."""
    for name in names:
        path = folder / name
        content = read_bytes(path, MOST_BATCH)
        if official:
            _verify(path, hashlib.md5(content, usedforsecurity=False), name)
        yield str(path), content


def _archived(archive: Path, names: tuple[str, ...], official: bool) -> Iterator[tuple[str, bytes]]:
    """(file, content) of the batches in the archive, which is never unpacked to the disk."""
    if official:
        with open_file(archive) as file:
            _verify(archive, hashlib.file_digest(file, _md5), ARCHIVE)
    wanted = {f"{FOLDER}/{name}": f"{archive}:{name}" for name in names}
    found = {}
    try:
        for name, content in _members(archive, wanted):  # in its own order: going back would decompress it anew
            found[name] = content
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise UserError(f"{archive}: not a complete {ARCHIVE} ({' '.join(str(error).split())})") from error
    for member, file in wanted.items():
        if member not in found:
            raise UserError(f"{archive}: {member} is missing")
        yield file, found[member]


def _members(archive: Path, wanted: Container[str]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of the wanted members. Raises ValueError for what is larger than a batch, or than all of them."""
    with open_file(archive) as packed:
        is_packed = packed.read(2) == GZIP
        packed.seek(0)
        plain = gzip.GzipFile(fileobj=packed) if is_packed else packed
        with tarfile.open(fileobj=Sips(plain, MOST_BATCH), mode="r:") as members:
            for count, member in enumerate(members, 1):
                if member.size > MOST_BATCH or member.issparse() or count > MOST_MEMBERS:
                    raise ValueError(f"{member.name}: larger, or more, than the members of {ARCHIVE}")
                if member.isfile() and member.name in wanted:
                    yield member.name, members.extractfile(member).read()


def _md5() -> "hashlib._Hash":
    return hashlib.md5(usedforsecurity=False)


def _verify(path: Path, found: "hashlib._Hash", name: str) -> None:
    if found.hexdigest() != MD5[name]:
        remedy = f"for other images of this layout: another name, `format: {NAME}`, `checksum: skip`"
        raise UserError(
            f"{path}: MD5 {found.hexdigest()} is not the official {MD5[name]}: truncated or altered; {remedy}"
        )


def _batch(file: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 3, 32, 32) and labels (n,) of one batch file."""
    found = array_pickle.read(file, content)
    images, labels = found.get("data"), found.get("labels")
    if not isinstance(images, np.ndarray) or images.ndim != 2 or images.shape[1] != np.prod(SHAPE) or not len(images):
        raise UserError(f"{file}: data is not a matrix of bytes, {np.prod(SHAPE)} to the image")
    if not isinstance(labels, list) or len(labels) != len(images):
        raise UserError(f"{file}: labels is not a list of {len(images)}, one for each image")
    if not all(type(label) is int and 0 <= label < len(CLASS_NAMES) for label in labels):
        raise UserError(f"{file}: labels are not all whole numbers from 0 to {len(CLASS_NAMES) - 1}")
    return images.reshape(-1, *SHAPE), np.array(labels, dtype=np.int64)
