"""Fashion-MNIST as idx files: what is read and at which sizes, what the name promises, every bad file refused."""

import gzip
import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import data_of, load_images

from atbench.data import fashion_mnist
from atbench.data.batches import Batches
from atbench.runtime.errors import UserError
from atbench.spec import datasets

NAMES = (*fashion_mnist.TRAIN, *fashion_mnist.HELD_OUT)
COUNTS = {"train": 6, "held-out": 4}
INSTALLED = Path(datasets.FORMATS["fashion-mnist"].installed)
PACKED_ON = {"train": 1504176606, "t10k": 1504176627}  # seconds, in the heads of the files that were published
# Of zalandoresearch/fashion-mnist:README.md, and pytorch/vision:torchvision/datasets/mnist.py.
PUBLISHED_MD5 = {
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}


def idx(values: np.ndarray, magic: bytes = b"\0\0\x08") -> bytes:
    """An idx file of bytes."""
    return magic + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape) + values.tobytes()


def content(name: str) -> np.ndarray:
    """Pixels or labels of a file, other ones for every name."""
    count = COUNTS["train" if name in fashion_mnist.TRAIN else "held-out"]
    draw = np.random.RandomState(NAMES.index(name))
    high, shape = (256, (count, 28, 28)) if "images" in name else (10, (count,))
    return draw.randint(0, high, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """A folder with small files of the published form, two of them packed."""
    root = tmp_path / "data"
    root.mkdir()
    for name in fashion_mnist.TRAIN:
        (root / f"{name}.gz").write_bytes(gzip.compress(idx(content(name))))
    for name in fashion_mnist.HELD_OUT:
        (root / name).write_bytes(idx(content(name)))
    return root


@pytest.fixture
def trusted(folder, monkeypatch):
    """The small files pass for the official ones, and nothing is installed."""
    monkeypatch.setattr(fashion_mnist, "SHA256", {n: hashlib.sha256(idx(content(n))).hexdigest() for n in NAMES})
    bare(monkeypatch)
    return folder


def bare(monkeypatch, installed="") -> None:
    """A machine without variables, on which the package has put the files elsewhere, or is not there."""
    monkeypatch.delenv("ATBENCH_DATA_FASHION_MNIST", raising=False)
    form = replace(datasets.FORMATS["fashion-mnist"], installed=str(installed))
    monkeypatch.setitem(datasets.FORMATS, "fashion-mnist", form)


def own(path, side=28, **more) -> dict:
    return {
        "name": "small",
        "format": "fashion-mnist",
        "checksum": "skip",
        "path": str(path),
        "resolution": side,
    } | more


def official(side=16, **more) -> dict:
    return {"name": "fashion-mnist", "resolution": side} | more


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("split", COUNTS)
def test_packed_and_plain_files_give_what_they_hold(folder, split):
    pixels, labels = fashion_mnist.TRAIN if split == "train" else fashion_mnist.HELD_OUT
    found = load_images(own(folder), split)
    assert found.images.dtype == torch.uint8 and found.labels.dtype == torch.int64
    assert torch.equal(found.images[:, 0], torch.from_numpy(content(pixels)))
    assert found.labels.tolist() == content(labels).tolist() and len(found) == COUNTS[split]


def test_images_are_padded_with_black_and_halved_by_means():
    image = np.arange(28 * 28, dtype=np.uint32).reshape(1, 28, 28).astype(np.uint8)
    native, padded, halved = (fashion_mnist.at_side(image, side)[0, 0] for side in (28, 32, 16))
    assert np.array_equal(native, image[0]) and np.array_equal(padded[2:-2, 2:-2], image[0])
    assert padded.sum() == image.sum(dtype=np.int64)  # nothing but the border is added, and it is black
    for row, column in ((0, 5), (1, 1), (7, 8), (14, 3)):
        mean = padded[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].astype(float).mean()
        assert halved[row, column] == np.floor(mean + 0.5)
    ones = fashion_mnist.at_side(np.full((1, 28, 28), 255, np.uint8), 16)[0, 0]
    assert ones.max() == 255 and (ones[0] == 0).all() and (ones[1:-1, 1:-1] == 255).all()


def test_sizes_are_declared_before_a_file_is_opened(folder):
    for side in (16, 28, 32):
        assert load_images(own(folder, side), "train").shape == (1, side, side)
        assert datasets.shape_of(data_of(official(side))) == (1, side, side)
    assert "data.resolution: 64, allowed: 16, 28, 32" in refusal(load_images, own(folder, 64), "train")
    assert "resolution: missing" in refusal(load_images, {"name": "fashion-mnist"}, "train")
    assert datasets.counts_of(data_of(official())) == (60_000, 10_000)
    assert datasets.counts_of(data_of(own(folder))) is None


def test_batches_of_them_are_floats(folder):
    x0, labels = Batches(load_images(own(folder, 16), "train"), 4, ("a",), flip=False).batch(1)
    assert x0.shape == (4, 1, 16, 16) and x0.dtype == torch.float32 and x0.abs().max() <= 1 and labels.shape == (4,)


def test_official_files_pass_packed_or_not_and_any_other_byte_does_not(trusted):
    data = official(path=str(trusted))
    assert load_images(data, "train").class_names[-1] == "Ankle boot"
    assert len(load_images(data, "held-out")) == COUNTS["held-out"]
    name = fashion_mnist.TRAIN[0]
    (trusted / name).write_bytes(idx(content(name) ^ (np.arange(6) == 3)[:, None, None]))  # read before its packed form
    message = refusal(load_images, data, "train")
    assert f"{trusted / name}: holds SHA-256" in message and "`checksum: skip`" in message
    assert load_images(own(trusted), "train").class_names == tuple("0123456789")


def test_unverified_images_are_never_called_fashion_mnist(folder):
    message = refusal(load_images, official(path=str(folder), checksum="skip"), "train")
    assert "checksum: belongs to images with a format and a name of their own" in message
    assert "another name" in refusal(load_images, own(folder, name="fashion-mnist"), "train")
    unchecked = {key: value for key, value in own(folder).items() if key != "checksum"}
    assert "need `checksum: skip`" in refusal(load_images, unchecked, "train")
    assert "which are called fashion-mnist" in refusal(load_images, own(folder, download=True), "train")


def test_the_folder_comes_from_the_file_the_environment_or_the_package(trusted, monkeypatch, tmp_path):
    message = refusal(load_images, official(), "train")
    assert "data.path or ATBENCH_DATA_FASHION_MNIST" in message and "apt-get install dataset-fashion-mnist" in message
    bare(monkeypatch, trusted)
    assert len(load_images(official(), "train")) == COUNTS["train"]
    monkeypatch.setenv("ATBENCH_DATA_FASHION_MNIST", str(tmp_path / "empty"))
    assert "empty: holds neither train-images-idx3-ubyte nor" in refusal(load_images, official(), "train")
    assert len(load_images(official(path=str(trusted)), "train")) == COUNTS["train"]
    unplaced = {key: value for key, value in own(trusted).items() if key != "path"}
    assert "ATBENCH_DATA_SMALL" in refusal(load_images, unplaced, "train")  # a package brings the official ones alone


def test_download_happens_on_request_only_and_is_verified(trusted, monkeypatch, tmp_path):
    source, target = tmp_path / "source", tmp_path / "fetched"
    source.mkdir()
    for name in NAMES:
        (source / f"{name}.gz").write_bytes(gzip.compress(idx(content(name))))
    monkeypatch.setattr(fashion_mnist, "URL", source.as_uri() + "/")
    data = official(path=str(target))
    assert "holds neither" in refusal(load_images, data, "train") and not target.exists()
    assert len(load_images(data | {"download": True}, "train")) == COUNTS["train"]
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{name}.gz" for name in fashion_mnist.TRAIN)
    monkeypatch.setattr(fashion_mnist, "URL", "file:///nowhere/")
    assert len(load_images(data | {"download": True}, "train")) == COUNTS["train"]  # what is there is not fetched again
    assert "put it there" in refusal(load_images, data | {"download": True}, "held-out")
    wrong = fashion_mnist.HELD_OUT[0]
    (source / f"{wrong}.gz").write_bytes(gzip.compress(idx(255 - content(wrong))))
    monkeypatch.setattr(fashion_mnist, "URL", source.as_uri() + "/")
    assert "holds SHA-256" in refusal(load_images, data | {"download": True}, "held-out")
    assert not (target / f"{wrong}.gz").exists()


FAULTY = {  # what becomes of the images' file, and words of the refusal
    "empty": (lambda raw: b"", "begins with nothing"),
    "labels in its place": (lambda raw: idx(np.zeros(6, np.uint8)), "begins with 00000801"),
    "another type": (lambda raw: idx(content(NAMES[0]), b"\0\0\x0d"), "begins with 00000d03"),
    "no idx file": (lambda raw: b"\x89PNG" + raw[4:], "begins with 89504e47"),
    "a cut head": (lambda raw: raw[:10], "begins with 00000803"),
    "cut": (lambda raw: raw[:-100], "100 bytes are missing"),
    "extra bytes": (lambda raw: raw + b"\0", "more bytes than its header says"),
    "another size": (lambda raw: idx(np.zeros((6, 32, 32), np.uint8)), "holds images of 32 x 32 pixels"),
    "fewer images": (lambda raw: idx(content(NAMES[0])[:5]), "holds 5 images, there are 6 labels"),
    "a cut packed file": (lambda raw: gzip.compress(raw)[:-20], "not a complete idx file"),
    "a damaged packed file": (lambda raw: gzip.compress(raw)[:-6] + bytes(6), "not a complete idx file"),
    "a packed file with more behind": (lambda raw: gzip.compress(raw) + b"more", "not a complete idx file"),
    "packed twice": (lambda raw: gzip.compress(gzip.compress(raw)), "begins with 1f8b"),
}


@pytest.mark.parametrize("how", FAULTY)
def test_a_wrong_file_is_refused_by_name(folder, how):
    spoil, words = FAULTY[how]
    (folder / NAMES[0]).write_bytes(spoil(idx(content(NAMES[0]))))
    message = refusal(load_images, own(folder), "train")
    assert f"{folder / NAMES[0]}: " in message and words in message


def test_wrong_labels_are_refused_by_name(folder):
    for labels, words in ((np.full(6, 10), "labels up to 10, expected 0 to 9"), (np.zeros(0), "0 images or labels")):
        (folder / NAMES[1]).write_bytes(idx(labels.astype(np.uint8)))
        message = refusal(load_images, own(folder), "train")
        assert f"{folder / NAMES[1]}: " in message and words in message


def test_where_verified_images_lie_is_no_part_of_a_result():
    plain = data_of(official()).images
    assert plain == official() == data_of(official(path="/a", download=True)).images
    assert data_of(official(28)).images != plain != data_of(own("/a")).images


def test_the_present_files_hold_what_was_published():
    """A package packs them anew: with the name and the date that stand in the published heads, they have its MD5."""
    if not INSTALLED.is_dir():
        pytest.skip(f"{INSTALLED} is not there: apt-get install dataset-fashion-mnist")
    for name, published in PUBLISHED_MD5.items():
        raw = (INSTALLED / f"{name}.gz").read_bytes()
        if not raw[3]:  # no name in its head
            head = b"\x1f\x8b\x08\x08" + struct.pack("<I", PACKED_ON[name.split("-")[0]])
            raw = head + raw[8:10] + name.encode() + b"\0" + raw[10:]
        assert hashlib.md5(raw).hexdigest() == published, name
    data = official(28, path=str(INSTALLED))
    train, held_out = (load_images(data, split) for split in ("train", "held-out"))
    assert (len(train), len(held_out)) == (60_000, 10_000)
    assert train.labels.bincount().tolist() == [6000] * 10 and held_out.labels.bincount().tolist() == [1000] * 10


def test_published_checksums_are_those_of_torchvision():
    known = pytest.importorskip("torchvision").datasets.FashionMNIST
    assert {name.removesuffix(".gz"): md5 for name, md5 in known.resources} == PUBLISHED_MD5
    assert fashion_mnist.URL in known.mirrors
    assert tuple(known.classes) == fashion_mnist.CLASS_NAMES
