"""Data sets, batches and sample files: golden splits, pairing of batches, every bad input refused."""

import builtins
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import data_of, load_images

from atbench.data import ImageSet, digits, load_to_use, to_float, to_uint8
from atbench.data.batches import Batches
from atbench.data.folder import is_held_out
from atbench.data.samples_file import read_samples, write_samples
from atbench.runtime.errors import UserError
from atbench.spec.datasets import shape_of

DIGITS = {"name": "digits"}
# Released results depend on these: a change means another data set, never a refactoring.
TRAIN_HASH = "a12ab25235f085f1f433c4ff78e8174192ad2646ce5f2016daf968746ba3624b"
HELD_OUT_HASH = "31595cab3e1f08014c3f37e4e62e6f2cd1661b237d00d537dde96fd8cbd1b0db"


def refusal(call, *args, **kwargs) -> str:
    """The one line with which `call` refuses."""
    with pytest.raises(UserError) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


def picture(number: int, mode: str = "RGB", size=(10, 8)) -> Image.Image:
    """A noise image of its own for every number; size is (width, height)."""
    noise = np.random.RandomState(number).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


def fill(root, count=140, mode="RGB", size=(10, 8), suffix="png", first=0):
    root.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        picture(number, mode, size).save(root / f"{number:04d}.{suffix}")
    return root


def folder_data(root, **changes) -> dict:
    return {
        "name": "image-folder",
        "path": str(root),
        "resolution": 8,
        "channels": 3,
        "held_out": 0.25,
    } | changes


# --- the digits ------------------------------------------------------------------------------------


def test_digits_golden_split():
    train, held_out = load_images(DIGITS, "train"), load_images(DIGITS, "held-out")
    assert (len(train), len(held_out)) == (1348, 449)
    assert train.images.shape == (1348, 1, 8, 8) and train.images.dtype == torch.uint8
    assert train.labels.dtype == torch.int64 and train.num_classes == 10
    assert (train.hash, held_out.hash) == (TRAIN_HASH, HELD_OUT_HASH)
    # 16 grey steps on 0..255: round(v * 255 / 16)
    assert set(train.images.unique().tolist()) == {round(v * 255 / 16) for v in range(17)}


def test_digits_split_is_stratified():
    train, held_out = (load_images(DIGITS, split).labels.bincount() for split in ("train", "held-out"))
    sizes = torch.tensor([178, 182, 177, 183, 181, 182, 181, 179, 174, 180])  # of scikit-learn's description
    assert torch.equal(train + held_out, sizes)
    assert ((held_out - sizes * 449 / 1797).abs() < 1).all()


def test_digits_splits_are_disjoint():
    train, held_out = load_images(DIGITS, "train").images, load_images(DIGITS, "held-out").images
    scans = torch.cat([train, held_out]).flatten(1)
    assert len(scans.unique(dim=0)) == 1797  # no scan twice, so none can stand on both sides


def test_digits_split_ignores_global_seeds():
    labels = np.arange(1797) % 10
    np.random.seed(1)
    first = digits.held_out_mask(labels)
    np.random.seed(2)
    assert (digits.held_out_mask(labels) == first).all() and first.sum() == 449


def test_digits_come_without_importing_scikit_learn(monkeypatch):
    plain_import = builtins.__import__

    def guarded(name, *args, **kwargs):
        assert name.split(".")[0] != "sklearn", "a slow import at every start"
        return plain_import(name, *args, **kwargs)

    digits._scans.cache_clear()
    monkeypatch.setattr(builtins, "__import__", guarded)
    assert load_images(DIGITS, "held-out").hash == HELD_OUT_HASH


def test_digits_refuse_without_scikit_learn(monkeypatch):
    digits._scans.cache_clear()
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    assert "install scikit-learn" in refusal(load_images, DIGITS, "train")


# --- load, ImageSet, the uint8 edge ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "split", "words"),
    [
        (DIGITS, "test", ["'test'", "train, held-out"]),
        ({"name": "mnist"}, "train", ["'mnist'", "cifar10, coco, digits, fashion-mnist, image-folder, imagenet64"]),
        ({}, "train", ["data.name: missing"]),
        ({"name": "digits", "path": "x"}, "train", ["data.path", "digits"]),
        ({"name": "image-folder", "path": "x", "channels": 3}, "train", ["data.resolution", "missing"]),
        ({"name": "image-folder", "size": 3}, "train", ["data.size", "resolution"]),
    ],
)
def test_load_refuses(data, split, words):
    message = refusal(load_images, data, split)
    assert all(word in message for word in words), message


def test_hash_sees_pixels_shape_and_labels():
    images, labels = torch.arange(32, dtype=torch.uint8).reshape(2, 1, 4, 4), torch.tensor([0, 1])
    names = ("a", "b")
    variants = [
        ImageSet("x", images, labels, names),
        ImageSet("x", images, labels.flip(0), names),
        ImageSet("x", images, None, ()),
        ImageSet("x", images.reshape(2, 1, 2, 8), labels, names),
        ImageSet("x", images + 1, labels, names),
    ]
    assert len({variant.hash for variant in variants}) == len(variants)
    assert ImageSet("y", images.clone(), labels.clone(), names).hash == variants[0].hash


def test_to_float_spans_minus_one_to_one():
    x = to_float(torch.tensor([0, 255, 51], dtype=torch.uint8))
    assert x.dtype == torch.float32
    assert torch.allclose(x, torch.tensor([-1.0, 1.0, -0.6]))


def test_to_uint8_truncates_and_clamps():
    x = torch.tensor([-1.0, 1.0, 0.0, -7.0, 7.0, 99.99 / 127.5 - 1])
    assert to_uint8(x).tolist() == [0, 255, 127, 0, 255, 99]  # 127.5 -> 127: no rounding
    grey = torch.arange(256, dtype=torch.uint8)
    loss = grey.int() - to_uint8(to_float(grey)).int()
    assert set(loss.tolist()) <= {0, 1}


# --- a folder of images ----------------------------------------------------------------------------


def test_flat_folder_is_split_by_name(tmp_path):
    root = fill(tmp_path / "flat")
    train, held_out = load_images(folder_data(root), "train"), load_images(folder_data(root), "held-out")
    names = sorted(path.name for path in root.iterdir())
    parts = [[n for n in names if is_held_out(n, 0.25) == side] for side in (False, True)]
    assert [len(train), len(held_out)] == [len(part) for part in parts]
    assert train.labels is None and train.num_classes == 0
    # 10 x 8 pictures at resolution 8 are not resampled, only cropped at the centre
    for images, part in zip((train.images, held_out.images), parts):
        wanted = np.stack([np.asarray(Image.open(root / name))[:, 1:9] for name in part])
        assert torch.equal(images, torch.from_numpy(wanted).permute(0, 3, 1, 2))
    assert load_images(folder_data(root), "train").hash == train.hash


# Of 00000.png .. 00049.png at a share of 0.25.
GOLDEN_HELD_OUT = [23, 24, 25, 31, 32, 33, 41, 43, 47, 48, 49]


def test_split_share_and_golden_names():
    names = [f"{number:05d}.png" for number in range(4000)]
    for share in (0.1, 0.25, 0.5):
        assert abs(sum(is_held_out(name, share) for name in names) / 4000 - share) < 0.025
    assert [number for number in range(50) if is_held_out(names[number], 0.25)] == GOLDEN_HELD_OUT


def test_adding_a_file_moves_no_other(tmp_path):
    root = fill(tmp_path / "grows")
    before = load_images(folder_data(root), "held-out").images
    fill(root, count=3, first=9000)
    after = load_images(folder_data(root), "held-out").images
    assert torch.equal(after[: len(before)], before) and len(after) - len(before) <= 3


def test_folders_that_are_held_out_whole_are_no_classes(tmp_path):
    for name, count in (("china", 70), ("flower", 10), ("portrait", 20)):
        fill(tmp_path / name, count)
    data = folder_data(tmp_path, held_out_folders=["portrait"]) | {"held_out": None}
    train, held_out = (load_images(data, split) for split in ("train", "held-out"))
    assert (len(train), len(held_out)) == (80, 20)
    assert train.labels is None and train.class_names == held_out.class_names == ()
    with pytest.raises(UserError, match="unknown sub-folder 'potrait'; known: china, flower, portrait"):
        load_images(data | {"held_out_folders": ["potrait"]}, "train")
    with pytest.raises(UserError, match="too few images: 20 train and 80 held-out"):
        load_images(data | {"held_out_folders": ["china", "flower"]}, "train")


def test_class_folders_give_labels(tmp_path):
    fill(tmp_path / "zebra", 70, "L")
    fill(tmp_path / "ant", 70, "L", suffix="jpg")
    (tmp_path / ".DS_Store").write_text("the system's")
    parts = [load_images(folder_data(tmp_path, channels=1), split) for split in ("train", "held-out")]
    assert parts[0].class_names == ("ant", "zebra")
    assert parts[0].images.shape[1:] == (1, 8, 8) and parts[0].labels.dtype == torch.int64
    assert (parts[0].labels.bincount() + parts[1].labels.bincount()).tolist() == [70, 70]
    assert (parts[0].labels.diff() >= 0).all()


def test_folder_resizes_short_side_and_repeats_grey(tmp_path):
    for name, size in (("larger", (40, 20)), ("smaller", (3, 5))):
        root = fill(tmp_path / name, mode="L", size=size)
        images = load_images(folder_data(root), "held-out").images
        assert images.shape[1:] == (3, 8, 8) and images.dtype == torch.uint8
        assert torch.equal(images[:, 0], images[:, 1]) and torch.equal(images[:, 0], images[:, 2])


def test_resizing_keeps_the_picture(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (32, 1))  # 64 x 32, brighter to the right
    for number in range(140):
        Image.fromarray(ramp).save(tmp_path / f"{number}.png")
    Image.fromarray(ramp[:, ::-1].copy()).save(tmp_path / "z.png")  # all equal would be refused
    image = load_images(folder_data(tmp_path, channels=1), "train").images[0, 0].float()
    assert (image.diff(dim=1) > 0).all() and (image.diff(dim=0) == 0).all()
    assert abs(image.mean() - 127.5) < 2  # the centre half of the ramp
    assert abs(image[0, -1] - image[0, 0] - 255 / 63 * 28) < 3  # 7 steps of 4 source pixels


def damage_truncated(root):
    path = root / "0007.png"
    path.write_bytes(path.read_bytes()[:120])


def damage_text(root):
    (root / "0007.png").write_text("not an image")


def damage_empty(root):
    (root / "0007.png").write_bytes(b"")


def damage_gif_in_disguise(root):
    picture(7).save(root / "0007.png", format="GIF")


def odd_grey(root):
    picture(7, "L").save(root / "0007.png")


def odd_rgba(root):
    picture(7, "RGBA").save(root / "0007.png")


def odd_palette(root):
    picture(7, "P").save(root / "0007.png")


def odd_file(root):
    (root / "0007.webp").write_bytes(b"")


def odd_folder(root):
    (root / "0007").mkdir()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage_truncated, ["0007.png", "not a readable PNG or JPEG"]),
        (damage_text, ["0007.png", "not a readable PNG or JPEG"]),
        (damage_empty, ["0007.png", "not a readable PNG or JPEG"]),
        (damage_gif_in_disguise, ["0007.png", "not a readable PNG or JPEG"]),
        (odd_grey, ["0007.png", "mode L differs from 0000.png's RGB"]),
        (odd_rgba, ["0007.png", "RGBA", "transparency"]),
        (odd_palette, ["0007.png", "mode P", "palette"]),
        (odd_file, ["0007.webp", ".png, .jpg, .jpeg"]),
        (odd_folder, ["0000.png", "beside the sub-folder 0007"]),
    ],
)
def test_folder_refuses_an_odd_entry(tmp_path, spoil, words):
    root = fill(tmp_path / "data")
    spoil(root)
    split = "held-out" if is_held_out("0007.png", 0.25) else "train"
    message = refusal(load_images, folder_data(root), split)
    assert all(word in message for word in words), message


def test_a_damaged_image_is_found_before_training_wherever_it_falls(tmp_path):
    root = fill(tmp_path / "data")
    path = next(path for path in sorted(root.iterdir()) if is_held_out(path.name, 0.25))
    path.write_bytes(path.read_bytes()[:120])
    assert f"{path.name}: not a readable PNG or JPEG" in refusal(load_images, folder_data(root), "train")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": 1}, ["data.channels", "RGB"]),
        ({"channels": 2}, ["data.channels: 2", "allowed: 1, 3"]),
        ({"channels": True}, ["data.channels: True"]),
        ({"resolution": 0}, ["data.resolution: 0"]),
        ({"resolution": 8.0}, ["data.resolution: 8.0"]),
        ({"held_out": 0.0}, ["data.held_out: 0.0", "greater than 0"]),
        ({"held_out": 1}, ["data.held_out: 1"]),
        ({"held_out": 0.01}, ["too few images", "at least 64 and 16"]),
        ({"held_out": 0.9}, ["too few images", "at least 64 and 16"]),
        ({"path": None}, ["data.path: missing"]),
        ({"path": "/no/such/folder"}, ["/no/such/folder", "no such folder"]),
    ],
)
def test_folder_refuses_a_bad_setting(tmp_path, changes, words):
    message = refusal(load_images, folder_data(fill(tmp_path / "data"), **changes), "train")
    assert all(word in message for word in words), message


@pytest.mark.parametrize("split", ["train", "held-out"])
def test_images_that_are_all_equal_are_refused(tmp_path, split):
    root = fill(tmp_path / "data")
    for file in root.iterdir():
        picture(0).save(file)
    assert "images are equal" in refusal(load_to_use, data_of(folder_data(root)), split)
    if split == "train":  # one that differs is enough
        chosen = next(file for file in sorted(root.iterdir()) if not is_held_out(file.name, 0.25))
        picture(1).save(chosen)
        assert len(load_images(folder_data(root), split)) > 64


def test_folder_refuses_empty_and_deep_folders(tmp_path):
    assert "holds no images" in refusal(load_images, folder_data(tmp_path), "train")
    fill(tmp_path / "ant")
    (tmp_path / "bee").mkdir()
    assert "bee: is an empty class folder" in refusal(load_images, folder_data(tmp_path), "train")
    (tmp_path / "bee" / "drone").mkdir()
    assert "bee: holds the sub-folder drone" in refusal(load_images, folder_data(tmp_path), "train")


def test_folder_refuses_a_class_without_training_images(tmp_path):
    fill(tmp_path / "ant")
    (tmp_path / "bee").mkdir()
    name = next(f"{n}.png" for n in range(100) if is_held_out(f"bee/{n}.png", 0.25))
    picture(0).save(tmp_path / "bee" / name)
    assert "bee: all images" in refusal(load_images, folder_data(tmp_path), "train")


def test_a_name_that_is_no_text_is_refused(tmp_path):
    """The split of a folder goes by the names of its files."""
    root = fill(tmp_path / "data")
    (root / "0007.png").rename(root / os.fsdecode(b"caf\xe9.png"))
    message = refusal(load_images, folder_data(root), "train")
    assert "its name is not UTF-8 text" in message and str(root) in message


@pytest.mark.parametrize(
    "data",
    [DIGITS, {"name": "own", "format": "image-folder", "path": "x", "resolution": 8, "channels": 3}],
)
def test_the_shape_of_images_is_known_before_they_are_read(tmp_path, data):
    if "path" in data:
        data = data | {"path": str(fill(tmp_path / "data"))}
    assert shape_of(data_of(data)) == load_images(data, "train").shape


# --- batches ---------------------------------------------------------------------------------------


def numbered(count: int, labelled=True) -> ImageSet:
    """Image n holds n in its left half and zeros in its right half, so an image and a flip can be told."""
    images = torch.zeros(count, 1, 4, 4, dtype=torch.uint8)
    images[..., :2] = torch.arange(1, count + 1, dtype=torch.uint8)[:, None, None, None]
    labels = torch.arange(count) if labelled else None
    return ImageSet("numbered", images, labels, tuple(map(str, range(count))) if labelled else ())


def test_batches_are_paired_whatever_was_drawn_before():
    for flip in (False, True):
        fresh = [Batches(numbered(50), 8, ("scratch", 0), flip).batch(i) for i in range(20)]
        used = Batches(numbered(50), 8, ("scratch", 0), flip)
        for index in (19, 3, 3, 0, 12, 7, 19):
            x0, labels = used.batch(index)
            assert torch.equal(x0, fresh[index][0]) and torch.equal(labels, fresh[index][1])


def test_batches_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    Batches(numbered(20), 4, ("a",), flip=True).batch(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_each_epoch_sees_every_image_once_up_to_the_remainder():
    batches = Batches(numbered(50), 8, ("scratch", 0), flip=False)
    assert batches.per_epoch == 6
    epochs = [torch.cat([batches.batch(6 * e + i)[1] for i in range(6)]) for e in range(3)]
    for seen in epochs:
        assert len(seen.unique()) == len(seen) == 48
    assert not torch.equal(epochs[0], epochs[1])
    assert len(torch.cat(epochs).unique()) == 50


def test_batch_values_and_labels_belong_together():
    source = numbered(30)
    x0, labels = Batches(source, 5, ("a",), flip=False).batch(2)
    assert x0.shape == (5, 1, 4, 4) and x0.dtype == torch.float32
    assert torch.equal(x0, to_float(source.images[labels]))
    assert Batches(numbered(30, labelled=False), 5, ("a",), flip=False).batch(2)[1] is None


def test_seed_names_change_the_order_and_flips_do_not():
    orders = [Batches(numbered(30), 30, names, False).batch(0)[1] for names in (("a", 0), ("a", 1), ("b", 0))]
    assert not any(torch.equal(orders[i], orders[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    assert torch.equal(Batches(numbered(30), 30, ("a", 0), flip=True).batch(0)[1], orders[0])


def test_flips_mirror_about_half():
    batches, source = Batches(numbered(100), 100, ("a",), flip=True), numbered(100)
    patterns = set()
    for index in range(10):
        x0, labels = batches.batch(index)
        plain = to_float(source.images[labels])
        mirrored = (x0 == plain.flip(-1)).flatten(1).all(1)
        assert (mirrored | (x0 == plain).flatten(1).all(1)).all()
        assert 25 < mirrored.sum() < 75
        patterns.add(tuple(mirrored.tolist()))
    assert len(patterns) == 10


@pytest.mark.parametrize("size", [0, -1, 51])
def test_batches_refuse_sizes_that_do_not_fit(size):
    message = refusal(Batches, numbered(50), size, ("a",), False)
    assert f"batch_size: {size}" in message and "N = 50" in message


def test_batches_refuse_a_negative_index():
    with pytest.raises(ValueError, match="-1"):
        Batches(numbered(50), 8, ("a",), False).batch(-1)


# --- sample files ----------------------------------------------------------------------------------


def samples(channels=3, count=5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, channels, 6, 4), generator=generator).to(torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_samples_round_trip(tmp_path, channels):
    path = tmp_path / "new" / "samples.npz"
    write_samples(path, samples(channels))
    with np.load(path, allow_pickle=False) as archive:
        assert archive.files == ["arr_0"] and archive["arr_0"].shape == (5, 6, 4, channels)
    back = read_samples(path)
    assert torch.equal(back, samples(channels)) and back.is_contiguous()
    assert [entry.name for entry in path.parent.iterdir()] == ["samples.npz"]  # no temporary file stays


def test_failed_write_keeps_what_stood_before(tmp_path, monkeypatch):
    path = tmp_path / "samples.npz"
    write_samples(path, samples())

    def full_disk(file, **arrays):
        file.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(UserError, match=r"samples\.npz: cannot be written .*no space"):
        write_samples(path, samples(count=2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["samples.npz"]
    assert len(read_samples(path)) == 5


def test_write_samples_refuses_other_tensors_and_names(tmp_path):
    for images in (samples().float(), samples()[:, :2], samples()[:0]):
        with pytest.raises(ValueError, match=r"samples\.npz"):
            write_samples(tmp_path / "samples.npz", images)
    assert "samples.png" in refusal(write_samples, tmp_path / "samples.png", samples())


def test_samples_with_labels_beside_them(tmp_path):
    array = samples().permute(0, 2, 3, 1).numpy()
    np.savez(tmp_path / "s.npz", array, np.arange(5))  # arr_0, arr_1: how class-conditional samplers write
    assert torch.equal(read_samples(tmp_path / "s.npz"), samples())


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_samples_from_a_folder(tmp_path, mode):
    fill(tmp_path, 3, mode)
    images = read_samples(str(tmp_path))
    wanted = np.stack([np.asarray(picture(n, mode)).reshape(8, 10, -1) for n in range(3)])
    assert torch.equal(images, torch.from_numpy(wanted).permute(0, 3, 1, 2))


def test_samples_of_another_shape_or_too_many_are_refused_by_their_header(tmp_path):
    write_samples(tmp_path / "s.npz", samples())
    fill(tmp_path / "folder", 5, size=(4, 6))
    for path in (tmp_path / "s.npz", tmp_path / "folder"):
        assert read_samples(path, (3, 6, 4), 5).shape == (5, 3, 6, 4)
        assert "images of shape (6, 4, 3), allowed: (4, 6, 3)" in refusal(read_samples, path, (3, 4, 6))
        assert "5 images, at most 4 are read" in refusal(read_samples, path, (3, 6, 4), 4)


def test_samples_folder_refuses_sizes_modes_and_damage(tmp_path):
    fill(tmp_path, 3)
    picture(1, size=(8, 8)).save(tmp_path / "0001.png")
    message = refusal(read_samples, tmp_path)
    assert "0001.png: 8 x 8 pixels" in message and "10 x 8" in message
    picture(1, "L").save(tmp_path / "0001.png")
    assert "0001.png: image mode L" in refusal(read_samples, tmp_path)
    (tmp_path / "0001.png").write_bytes(b"\x89PNG")
    assert "0001.png: not a readable" in refusal(read_samples, tmp_path)


NHWC = np.zeros((2, 4, 4, 3), np.uint8)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"images": NHWC}, ["arr_0 is missing", "found: images"]),
        ({}, ["arr_0 is missing", "found: nothing"]),
        ({"arr_0": NHWC.astype(np.float32)}, ["arr_0", "dtype float32", "uint8"]),
        ({"arr_0": NHWC[0]}, ["arr_0", "shape (4, 4, 3)", "(N, H, W, C)"]),
        ({"arr_0": NHWC.transpose(0, 3, 1, 2)}, ["arr_0", "shape (2, 3, 4, 4)", "C = 1 or 3"]),
        ({"arr_0": NHWC[:0]}, ["arr_0", "holds no pixels"]),
        ({"arr_0": np.array([{"a": 1}], dtype=object)}, ["arr_0", "cannot be read"]),
    ],
)
def test_read_samples_refuses_arrays(tmp_path, arrays, words):
    np.savez(tmp_path / "bad.npz", **arrays)
    message = refusal(read_samples, tmp_path / "bad.npz")
    assert all(word in message for word in ["bad.npz", *words]), message


def test_read_samples_refuses_files_that_are_no_archives(tmp_path):
    path = tmp_path / "bad.npz"
    assert "no such file" in refusal(read_samples, path)
    write_samples(path, samples())
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], whole[:200] + bytes(40) + whole[240:]):
        path.write_bytes(content)
        message = refusal(read_samples, path)
        assert "bad.npz: key arr_0 cannot be read" in message, message
    with path.open("wb") as file:
        np.save(file, NHWC)
    assert "bad.npz: a bare array" in refusal(read_samples, path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("arr_0.npy", b"no NumPy header")
    assert "bad.npz: key arr_0 is not a NumPy array" in refusal(read_samples, path)
