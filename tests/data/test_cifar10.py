"""CIFAR-10 in its published layouts: what is read, what a name promises, and every bad file refused before use."""

import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import data_of, load_images

from atbench.data import array_pickle, cifar10
from atbench.data.batches import Batches
from atbench.runtime.errors import UserError
from atbench.spec.load import load

COUNT = 6  # images per batch file
NAMES = (*cifar10.TRAIN, *cifar10.HELD_OUT)


def text(raw: bytes) -> bytes:
    """A string as Python 2's protocol 2 wrote it."""
    return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw


def published(images: np.ndarray, labels: list[int]) -> bytes:
    """A batch file, opcode by opcode as the published ones are written."""
    dtype = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNN"
    dtype += b"J\xff\xff\xff\xff" * 2 + b"K\x00tb"
    shape = b"M" + struct.pack("<H", len(images)) + b"M" + struct.pack("<H", images.shape[1]) + b"\x86"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R(K\x01"
    array += shape + dtype + b"\x89" + text(images.tobytes()) + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"labels") + numbers + text(b"data") + array + b"u."


def content(name: str) -> tuple[np.ndarray, list[int]]:
    """Pixels (COUNT, 3072) and labels of a batch file, other ones for every name."""
    noise = np.random.RandomState(NAMES.index(name)).randint(0, 256, (COUNT, 3072), dtype=np.uint8)
    return noise, [(NAMES.index(name) + i) % 10 for i in range(COUNT)]


@pytest.fixture
def folder(tmp_path):
    """A folder with small batches in the published layout."""
    batches = tmp_path / "data" / cifar10.FOLDER
    batches.mkdir(parents=True)
    for name in NAMES:
        (batches / name).write_bytes(published(*content(name)))
    return tmp_path / "data"


def packed(folder):
    """The same batches as an archive, alone in a folder of its own."""
    target = folder.parent / "packed"
    target.mkdir()
    with tarfile.open(target / cifar10.ARCHIVE, "w:gz") as archive:
        archive.add(folder / cifar10.FOLDER, cifar10.FOLDER)
    return target


@pytest.fixture
def trusted(folder, monkeypatch):
    """The small files pass for the official ones."""
    files = [*(folder / cifar10.FOLDER).iterdir(), packed(folder) / cifar10.ARCHIVE]
    sums = {file.name: hashlib.md5(file.read_bytes()).hexdigest() for file in files}
    monkeypatch.setattr(cifar10, "MD5", sums)
    return folder


def own(path, **more) -> dict:
    return {"name": "cifar10-jpeg", "format": "cifar10", "checksum": "skip", "path": str(path)} | more


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_checksums_are_the_published_ones():
    official = pytest.importorskip("torchvision").datasets.CIFAR10
    published = {official.filename: official.tgz_md5, **dict(official.train_list), **dict(official.test_list)}
    assert published == cifar10.MD5
    assert official.url == cifar10.URL and official.base_folder == cifar10.FOLDER


@pytest.mark.parametrize("form", ["above", "folder", "archive", "archive alone"])
def test_every_form_gives_the_same_images(folder, form):
    path = {"above": folder, "folder": folder / cifar10.FOLDER}.get(form)
    if path is None:
        path = packed(folder) / (cifar10.ARCHIVE if form == "archive" else "")
    train, held_out = load_images(own(path), "train"), load_images(own(path), "held-out")
    expected = np.concatenate([content(name)[0] for name in cifar10.TRAIN]).reshape(-1, 3, 32, 32)
    assert train.images.dtype == torch.uint8 and torch.equal(train.images, torch.from_numpy(expected))
    assert train.labels.tolist() == [label for name in cifar10.TRAIN for label in content(name)[1]]
    assert torch.equal(held_out.images.flatten(1), torch.from_numpy(content("test_batch")[0]))
    assert train.name == "cifar10-jpeg" and train.class_names[0] == "airplane" and train.num_classes == 10


def test_official_files_pass_and_any_other_byte_does_not(trusted):
    data = {"name": "cifar10", "path": str(trusted)}
    assert len(load_images(data, "train")) == 5 * COUNT and load_images(data, "held-out").name == "cifar10"
    file = trusted / cifar10.FOLDER / "data_batch_3"
    file.write_bytes(file.read_bytes().replace(b"K\x05", b"K\x06", 1))  # one label
    assert "data_batch_3: MD5" in refusal(load_images, data, "train")
    assert len(load_images(data, "held-out")) == COUNT


def test_archive_is_verified_as_a_whole(trusted):
    archive = trusted.parent / "packed" / cifar10.ARCHIVE
    data = {"name": "cifar10", "path": str(archive)}
    assert len(load_images(data, "train")) == 5 * COUNT
    archive.write_bytes(archive.read_bytes()[:-1])
    assert f"{archive}: MD5" in refusal(load_images, data, "train")


def test_unverified_images_are_never_called_cifar10(folder, trusted):
    plain = {"name": "cifar10", "path": str(folder)}
    message = refusal(load_images, plain | {"checksum": "skip"}, "train")
    assert "checksum: belongs to images with a format and a name of their own" in message
    assert "another name" in refusal(load_images, plain | {"checksum": "skip", "format": "cifar10"}, "train")
    assert "another name" in refusal(load_images, plain | {"format": "image-folder"}, "train")
    renamed = plain | {"name": "photos", "format": "cifar10"}
    assert "need `checksum: skip`" in refusal(load_images, renamed, "train")
    assert "which are called cifar10" in refusal(load_images, own(folder, download=True), "train")


def test_the_folder_comes_from_the_file_or_the_environment(folder, monkeypatch):
    data = own(folder)
    del data["path"]
    assert "data.path or ATBENCH_DATA_CIFAR10_JPEG" in refusal(load_images, data, "train")
    monkeypatch.setenv("ATBENCH_DATA_CIFAR10_JPEG", str(folder))
    assert len(load_images(data, "train")) == 5 * COUNT
    assert "elsewhere: holds neither" in refusal(load_images, data | {"path": "elsewhere"}, "train")


def test_download_happens_on_request_only_and_is_verified(trusted, monkeypatch, tmp_path):
    archive, target = trusted.parent / "packed" / cifar10.ARCHIVE, tmp_path / "fetched"
    monkeypatch.setattr(cifar10, "URL", archive.as_uri())
    data = {"name": "cifar10", "path": str(target)}
    assert "or set data.download" in refusal(load_images, data, "train") and not target.exists()
    assert len(load_images(data | {"download": True}, "train")) == 5 * COUNT
    monkeypatch.setattr(cifar10, "URL", "file:///nowhere")
    assert len(load_images(data | {"download": True}, "train")) == 5 * COUNT  # what is there is not fetched again
    (target / cifar10.ARCHIVE).unlink()
    assert "put it there" in refusal(load_images, data | {"download": True}, "train")
    monkeypatch.setattr(cifar10, "URL", (trusted / cifar10.FOLDER / "test_batch").as_uri())
    assert "is not the official" in refusal(load_images, data | {"download": True}, "train")
    assert not list(target.iterdir())


class Malicious:
    def __reduce__(self):
        import os

        return os.system, ("echo owned",)


def with_batch(folder, raw: bytes) -> str:
    """The refusal of a folder whose second batch holds these bytes."""
    (folder / cifar10.FOLDER / "data_batch_2").write_bytes(raw)
    return refusal(load_images, own(folder), "train")


def test_a_pickle_that_wants_to_run_something_is_refused_by_file_and_global(folder):
    for protocol in range(6):
        message = with_batch(folder, pickle.dumps({"data": Malicious()}, protocol))
        assert "data_batch_2: its pickle asks for" in message and ".system: refused" in message
    assert "builtins.eval" in with_batch(folder, b"\x80\x02cbuiltins\neval\n(U\x011tR.")
    assert "numpy.load" in with_batch(folder, b"\x80\x02cnumpy\nload\n(U\x01xtR.")


FAULTY = {
    "truncated": (lambda data, labels: published(data, labels)[:-900], "not a complete pickle"),
    "empty": (lambda data, labels: b"", "not a complete pickle"),
    "no pickle": (lambda data, labels: b"\xff\xd8\xff\xe0 a picture", "not a complete pickle"),
    "a list": (lambda data, labels: pickle.dumps([1]), "holds a list"),
    "floats": (lambda data, labels: pickle.dumps({"data": data / 2, "labels": labels}), "dtype f8, allowed: uint8"),
    "wrong width": (lambda data, labels: published(data[:, :3071], labels), "3072 to the image"),
    "cifar-100": (lambda data, labels: pickle.dumps({"data": data, "fine_labels": labels}), "labels is not a list"),
    "labels cut": (lambda data, labels: published(data, labels[:-1]), f"not a list of {COUNT}"),
    "label 10": (lambda data, labels: published(data, [*labels[:-1], 10]), "whole numbers from 0 to 9"),
}


@pytest.mark.parametrize("how", FAULTY)
def test_a_wrong_batch_is_refused_by_file(folder, how):
    spoil, words = FAULTY[how]
    message = with_batch(folder, spoil(*content("data_batch_2")))
    assert "data_batch_2: " in message and words in message


def test_missing_batches_are_named(folder):
    archive = packed(folder)
    (folder / cifar10.FOLDER / "data_batch_4").unlink()
    assert "data_batch_4: cannot be read" in refusal(load_images, own(folder), "train")
    (archive / cifar10.ARCHIVE).write_bytes((archive / cifar10.ARCHIVE).read_bytes()[:-2000])
    assert f"not a complete {cifar10.ARCHIVE}" in refusal(load_images, own(archive), "train")
    with tarfile.open(archive / cifar10.ARCHIVE, "w:gz") as other:
        other.addfile(tarfile.TarInfo("readme"), io.BytesIO())
    assert "data_batch_1 is missing" in refusal(load_images, own(archive), "train")


@pytest.mark.parametrize("protocol", range(3, 6))
def test_batches_written_by_python_3_are_read_too(protocol):
    data, labels = content("data_batch_1")
    for array in (data, np.asfortranarray(data)):
        found = array_pickle.read("x", pickle.dumps({b"data": array, "labels": labels}, protocol))
        assert np.array_equal(found["data"], data) and found["labels"] == labels


def test_images_stay_bytes_until_a_batch_is_made(folder):
    images = load_images(own(folder), "train")
    x0, labels = Batches(images, 4, ("a",), flip=True).batch(3)
    assert images.images.dtype == torch.uint8 and x0.dtype == torch.float32 and labels.shape == (4,)


def test_where_verified_images_lie_is_no_part_of_a_result():
    run = load("paper").suite("scratch").run("adm", 0)
    assert run.suite.data.written() == {"name": "cifar10"}

    def digest(**block):
        return replace(run, suite=replace(run.suite, data=data_of(block))).digest

    plain = digest(name="cifar10")
    assert plain == run.digest == digest(name="cifar10", path="/a") == digest(name="cifar10", path="/b", download=True)
    assert len({plain, digest(**own("/a")), digest(**own("/b"))}) == 3
