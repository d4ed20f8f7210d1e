"""ImageNet 64x64 as npz batches and as class folders: order, memory, and every bad file refused by name."""

import tracemalloc
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import data_of, load_images

from atbench.data import imagenet64
from atbench.data.batches import Batches
from atbench.runtime.errors import UserError
from atbench.spec.load import load

NAMES = (*imagenet64.TRAIN, *imagenet64.HELD_OUT)
WIDTH = 3 * 64 * 64


def content(name: str, count: int = 3) -> dict[str, np.ndarray]:
    """The arrays of a batch file, others for every name."""
    draw = np.random.RandomState(NAMES.index(name))
    pixels = draw.randint(0, 256, (count, WIDTH), dtype=np.uint8)
    return {"data": pixels, "labels": draw.randint(1, 1001, count), "mean": pixels.mean(0)}


@pytest.fixture
def root(tmp_path):
    """A folder with small batches in the published form."""
    for number, name in enumerate(NAMES):
        save = np.savez_compressed if number % 2 else np.savez
        save(tmp_path / name, **content(name))
    return tmp_path


def own(root) -> dict:
    return {"name": "imagenet64-small", "format": "imagenet64", "path": str(root)}


def refusal(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_batches_follow_each_other_in_the_order_of_their_numbers(root):
    images = load_images(own(root), "train")
    parts = [content(name) for name in imagenet64.TRAIN]
    expected = np.concatenate([part["data"] for part in parts]).reshape(-1, 3, 64, 64)
    assert images.images.dtype == torch.uint8 and torch.equal(images.images, torch.from_numpy(expected))
    assert images.labels.dtype == torch.int64
    assert images.labels.tolist() == (np.concatenate([part["labels"] for part in parts]) - 1).tolist()
    assert images.num_classes == 1000 and images.name == "imagenet64-small"


def test_held_out_is_the_validation_set(root):
    images = load_images(own(root), "held-out")
    assert torch.equal(images.images.flatten(1), torch.from_numpy(content("val_data.npz")["data"]))


def test_the_public_name_needs_every_image(root, monkeypatch):
    data = {"name": "imagenet64", "path": str(root)}
    assert "30 images in 10 files, imagenet64 has 1281167" in refusal(load_images, data, "train")
    assert "3 images in 1 files, imagenet64 has 50000" in refusal(load_images, data, "held-out")
    monkeypatch.setattr(imagenet64, "COUNTS", {imagenet64.TRAIN: 30, imagenet64.HELD_OUT: 3})
    assert load_images(data, "train").name == "imagenet64"
    monkeypatch.setenv("ATBENCH_DATA_IMAGENET64", str(root))
    assert len(load_images({"name": "imagenet64"}, "held-out")) == 3


def test_images_stand_in_memory_once_and_as_bytes(tmp_path):
    for name in NAMES:
        np.savez_compressed(tmp_path / name, **content(name, 200))
    tracemalloc.start()
    images = load_images(own(tmp_path), "train").images  # torch's own memory is not traced: only copies would be
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert images.dtype == torch.uint8 and images.nbytes == 2000 * WIDTH
    assert peak < 4_000_000 < images.nbytes / 6


def test_batches_of_them_are_floats_and_flipped(root):
    x0, labels = Batches(load_images(own(root), "train"), 8, ("a",), flip=True).batch(1)
    assert x0.shape == (8, 3, 64, 64) and x0.dtype == torch.float32 and x0.abs().max() <= 1
    assert labels.shape == (8,)


def rewrite(path, **changes):
    np.savez(path, **(content(path.name) | changes))


def corrupt(path):
    """Flip a bit of the pixels: the npz stays well-formed."""
    raw = bytearray(path.read_bytes())
    raw[5000] ^= 1
    path.write_bytes(raw)


def shorten(path):
    """A header that promises more images than follow."""
    whole = path.with_suffix(".whole")
    path.rename(whole)
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for member in old.namelist():
            new.writestr(member, old.read(member)[: -WIDTH if member == "data.npy" else None])


FAULTY = {
    "missing": (lambda path: path.unlink(), "no such file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-500]), "not a complete npz"),
    "empty": (lambda path: path.write_bytes(b""), "not a complete npz"),
    "a pickle": (lambda path: rewrite(path, labels=np.array([1, "x", None], dtype=object)), "not a complete npz"),
    "no labels": (lambda path: np.savez(path, data=content(path.name)["data"]), "labels"),
    "no images": (lambda path: np.savez(path, labels=[1]), "data.npy"),
    "32x32": (lambda path: rewrite(path, data=np.zeros((3, 3072), np.uint8)), "expected uint8 (N, 12288)"),
    "floats": (lambda path: rewrite(path, data=np.zeros((3, WIDTH))), "data is float64"),
    "label 0": (lambda path: rewrite(path, labels=np.array([0, 1, 2])), "labels from 0 to 2, expected 1 to 1000"),
    "label 1001": (lambda path: rewrite(path, labels=np.array([1001, 1, 2])), "expected 1 to 1000"),
    "fewer labels": (lambda path: rewrite(path, labels=np.array([1, 2])), "expected 3 whole numbers"),
    "a bit of a pixel": (corrupt, "its images cannot be read"),
    "fewer images": (shorten, "not a complete npz"),
}


@pytest.mark.parametrize("how", FAULTY)
def test_a_wrong_file_is_refused_by_name(root, how):
    spoil, words = FAULTY[how]
    spoil(root / "train_data_batch_5.npz")
    message = refusal(load_images, own(root), "train")
    assert "train_data_batch_5.npz: " in message and words in message


def test_without_files_the_message_says_what_to_put_where(tmp_path):
    assert "ATBENCH_DATA_IMAGENET64 to a folder with train_data_batch_1.npz" in refusal(
        load_images, {"name": "imagenet64"}, "train"
    )
    assert "train_data_batch_1.npz: no such file" in refusal(load_images, own(tmp_path), "train")


@pytest.fixture
def folders(tmp_path):
    """Class folders of 64x64 pictures, two for training and one for validation in each."""
    for split, count in (("train", 2), ("val", 1)):
        for number, name in enumerate(("n01440764", "n01443537")):
            place = tmp_path / split / name
            place.mkdir(parents=True)
            for i in range(count):
                grey = 100 * number + 10 * i + (split == "val")
                Image.new("RGB", (64, 64), (grey, 0, 255)).save(place / f"{i}.png")
    return tmp_path


def test_class_folders_are_read_under_another_name(folders):
    train, held_out = load_images(own(folders), "train"), load_images(own(folders), "held-out")
    assert train.images.shape == (4, 3, 64, 64) and train.class_names == ("n01440764", "n01443537")
    assert train.images[:, 0, 0, 0].tolist() == [0, 10, 100, 110] and train.labels.tolist() == [0, 0, 1, 1]
    assert held_out.images[:, 0, 0, 0].tolist() == [1, 101] and (held_out.images[:, 2] == 255).all()
    assert "means the npz batches" in refusal(load_images, {"name": "imagenet64", "path": str(folders)}, "train")


def test_class_folders_of_both_splits_must_agree(folders):
    (folders / "val" / "n01443537").rename(folders / "val" / "n01443538")
    assert "the same class folders" in refusal(load_images, own(folders), "train")


def test_where_the_public_files_lie_is_no_part_of_a_result():
    paper = load("paper")
    assert paper.suite("class-conditional").data.written() == {"name": "imagenet64"}
    run = paper.suite("scratch").run("adm", 0)
    moved = replace(run, suite=replace(run.suite, data=data_of({"name": "imagenet64", "path": "/a"})))
    assert moved.slice["data"] == {"name": "imagenet64"}


@pytest.fixture
def kit(tmp_path):
    """The development kit's list of classes, in an order of its own."""
    numbers = [f"n{number:08}" for number in np.random.RandomState(0).permutation(1000) + 1_440_764]
    file = tmp_path / "map_clsloc.txt"
    file.write_text("".join(f"{number} {label} some_name\n" for label, number in enumerate(numbers, start=1)))
    return file, numbers


def test_labels_sort_by_wordnet_number_where_the_classes_are_listed(root, kit):
    file, numbers = kit
    plain, listed = load_images(own(root), "train"), load_images(own(root) | {"classes": str(file)}, "train")
    assert torch.equal(plain.images, listed.images)
    assert listed.class_names == tuple(sorted(numbers))
    named = [listed.class_names[label] for label in listed.labels.tolist()]
    assert named == [numbers[label] for label in plain.labels.tolist()]


@pytest.mark.parametrize("how", ["missing", "cut", "twice", "form"])
def test_a_wrong_list_of_classes_is_refused_by_name(root, kit, how):
    file, numbers = kit
    text = file.read_text()
    file.unlink()
    if how != "missing":
        wrong = {"cut": text[:-20], "twice": text.replace(numbers[0], numbers[1]), "form": text.replace(" ", ",")}
        file.write_text(wrong[how])
    assert str(file) in refusal(load_images, own(root) | {"classes": str(file)}, "train")


def test_class_folders_take_no_list_of_classes(folders, kit):
    assert "data.classes" in refusal(load_images, own(folders) | {"classes": str(kit[0])}, "train")
