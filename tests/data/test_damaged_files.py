"""Good files with bytes changed or cut off: each reader takes them or refuses them by name, and raises nothing else."""

import gzip
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import hostile
import numpy as np
import pytest
import text_to_image_files as files
import torch
from tiny import NETWORKS

from atbench.data import array_pickle, fashion_mnist, shards
from atbench.data.folder import read_image
from atbench.data.samples_file import read_samples
from atbench.metrics.reference import Reference
from atbench.models.checkpoints import read_checkpoint
from atbench.models.weights import build, load_model, save_weights
from atbench.runtime.errors import UserError
from atbench.runtime.json_files import read_json
from atbench.spec.yaml import EXPERIMENTS, read_yaml

CLASSIFIER = "digits-classifier"
VARIANTS = 60  # of a file


def classifier(path: Path) -> None:
    save_weights(path, build(CLASSIFIER, NETWORKS[CLASSIFIER]), CLASSIFIER, NETWORKS[CLASSIFIER])


def pickled(path: Path) -> list | dict:
    return array_pickle.read(str(path), path.read_bytes())


def idx(count: int) -> bytes:
    """The head of an idx file of images."""
    return b"\0\0\x08\x03" + struct.pack(">III", count, 28, 28)


def digits(path: Path) -> np.ndarray:
    return fashion_mnist._values(path, path.name, (28, 28), official=False)


READERS: dict[str, tuple[Callable[[Path], object], Callable[[Path], object]]] = {
    "x.npz": (lambda path: np.savez_compressed(path, arr_0=np.zeros((3, 8, 8, 1), np.uint8)), read_samples),
    "x.pt": (lambda path: torch.save({"a": torch.zeros(3), "b": torch.ones(2, 2)}, path), read_checkpoint),
    "x.safetensors": (classifier, lambda path: load_model(path, CLASSIFIER)),
    "reference.npz": (
        lambda path: hostile.reference(path, zipfile.ZIP_STORED, "data", hostile.npy((), "<U1") + bytes(4)),
        Reference.load,
    ),
    "x.tar": (lambda path: files.shard(path, {"1.png": files.picture(1), "1.txt": b"one"}), shards.pairs_in),
    "x.png": (lambda path: path.write_bytes(files.picture(1)), read_image),
    "x.jpg": (lambda path: path.write_bytes(files.picture(1, "JPEG")), read_image),
    "x.json": (lambda path: path.write_text('{"a": [1, 2.5e3, "\\u00e9", {"b": null}]}'), read_json),
    "x.yaml": (lambda path: path.write_bytes((EXPERIMENTS / "scales/ci.yaml").read_bytes()), read_yaml),
    "x-idx3-ubyte": (lambda path: path.write_bytes(idx(2) + bytes(2 * 784)), digits),
    "x-idx3-ubyte.gz": (
        lambda path: path.write_bytes(gzip.compress(idx(2) + bytes(range(256)) * 6 + bytes(32))),
        digits,
    ),
    "x.pickle": (lambda path: path.write_bytes(hostile.unpickled(b"}X\x01\0\0\0a(K\x01K\x02ls")), pickled),
}


def damaged(content: bytes, draw: random.Random) -> bytes:
    """The content with its end cut off, or with some bytes in place of others; most often near its head."""
    place = draw.randrange(min(len(content), 700) if draw.random() < 0.6 else len(content))
    noise = draw.randbytes(draw.randint(1, 9))
    return draw.choice([content[:place], content[:place] + noise + content[place + draw.randint(0, 9) :]])


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path, name):
    make, read = READERS[name]
    path, draw, refused = tmp_path / name, random.Random(name), 0
    make(path)
    read(path)
    content = path.read_bytes()
    for _ in range(VARIANTS):
        path.write_bytes(damaged(content, draw))
        try:
            read(path)
        except UserError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > VARIANTS / 4
