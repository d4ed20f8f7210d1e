"""The files behind text to image: pipelines, shards and folders of pairs, COCO annotations: read offline or refused."""

import io
import json
import shutil

import pytest
import text_to_image_files as files
import torch
import webdataset
from PIL import Image
from tiny import data_of

from atbench.data import coco
from atbench.data.shards import pairs_in, read
from atbench.data.text_images import PairBatches, TextImages
from atbench.models.stable_diffusion import Pipeline
from atbench.rng import gaussian
from atbench.runtime.errors import UserError

ODD_MODES = ("I;16", "LA", "RGBA")  # whose conversion to RGB cuts values, or guesses what lies behind


def encoded(mode: str) -> bytes:
    """A PNG of a mode that 8-bit RGB cannot hold."""
    file = io.BytesIO()
    Image.new(mode, (files.SIDE, files.SIDE)).save(file, "PNG")
    return file.getvalue()


def refusal(action):
    """The one line with which ``action`` is refused."""
    with pytest.raises(UserError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pipeline_parts_are_scaled_and_shaped_as_stable_diffusions(world):
    pipeline = Pipeline(world / "pipeline")
    assert pipeline.vae.config.scaling_factor == 0.18215 and pipeline.latent_shape(16) == (4, 8, 8)
    x = gaussian((2, 3, 16, 16), "x")
    latents = pipeline.encode(x)
    torch.testing.assert_close(latents, 0.18215 * pipeline.vae.encode(x).latent_dist.mean)
    assert not torch.equal(pipeline.encode(x, torch.ones(2, 4, 8, 8)), latents)
    torch.testing.assert_close(pipeline.decode(latents), pipeline.vae.decode(latents / 0.18215).sample)
    texts = pipeline.embed(["a cat", "a dog on a very very long mat", ""])
    assert texts.shape == (3, files.TOKENS, files.WIDTH) and len(set(texts[:, 3].sum(1).tolist())) == 3


@pytest.mark.parametrize("kind", ["shards", "folder"])
def test_batches_of_pairs_depend_on_their_index_alone(world, kind):
    data = {"name": "text-images", "path": str(world / kind), "resolution": files.SIDE}
    batches = PairBatches(TextImages(data_of(data)), 4, ("a", 0))
    seen = [batches.batch(index) for index in range(10)]
    for images, captions in seen:
        assert images.shape == (4, 3, files.SIDE, files.SIDE) and images.dtype == torch.uint8
        assert [f"number {int(image[0, 0, 0])}" for image in images] == captions
    epochs = [[caption for _, captions in seen[k : k + 5] for caption in captions] for k in (0, 5)]
    assert sorted(epochs[0]) == sorted(epochs[1]) and len(set(epochs[0])) == files.PAIRS and epochs[0] != epochs[1]
    again = PairBatches(TextImages(data_of(data)), 4, ("a", 0)).batch(7)
    assert torch.equal(again[0], seen[7][0]) and again[1] == seen[7][1]
    assert PairBatches(TextImages(data_of(data)), 4, ("b", 0)).batch(7)[1] != seen[7][1]


@pytest.mark.parametrize("name", ["pipe:touch P #", "http:", "{a,b}", "gs:::x y", "$(touch P)"])
def test_a_folder_of_shards_is_a_folder_whatever_its_name(world, tmp_path, monkeypatch, name):
    """webdataset would take such a path for a command, an address or several files."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(world / "shards", tmp_path / name)
    pairs = TextImages(data_of({"name": "text-images", "path": name, "resolution": files.SIDE}))
    assert sorted(PairBatches(pairs, files.PAIRS, ("a",)).batch(0)[1])[0] == "number 0"
    assert not (tmp_path / "P").exists()


def test_shards_are_read_as_webdataset_reads_them(tmp_path):
    odd = {"__MACOSX/1.png": b"Mac OS X", "a/._1.png": b"Mac OS X", "README": b"none", "a/.hidden": b"none"}
    pairs = {"a/1.JPG": b"1", "a/1.JSON": b"{}", "b.c/2.png": b"2", "b.c/2.txt": b"two", "b.c/2.cls": b"7"}
    shard = files.shard(tmp_path / "0.tar", odd | dict(sorted(pairs.items())))
    found = [(places.key, places.kind, *read(shard, places)) for places in pairs_in(shard)]
    expected = [
        (sample["__key__"], kind, sample["jpg" if "jpg" in sample else "png"], sample[kind])
        for sample in webdataset.WebDataset(str(shard), shardshuffle=False)
        if (kind := next((kind for kind in ("txt", "json") if kind in sample), None))
    ]
    assert found == expected and [key for key, *_ in found] == ["a/1", "b.c/2"]


# Refusals.


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda p: shutil.rmtree(p / "vae"), "vae/config.json is missing"),
        (lambda p: (p / "tokenizer/vocab.json").unlink(), "tokenizer/vocab.json is missing"),
        (lambda p: (p / "text_encoder/model.safetensors").unlink(), "text_encoder"),
        (lambda p: files.without(p / "vae/diffusion_pytorch_model.safetensors", "decoder.conv_in"), "decoder.conv_in"),
        (
            lambda p: (p / "scheduler/scheduler_config.json").write_text('{"beta_start": 0.1}'),
            "num_train_timesteps is None",
        ),
    ],
    ids=["vae", "tokenizer", "text-encoder", "weights", "scheduler"],
)
def test_broken_pipelines_are_refused(world, tmp_path, spoil, named):
    shutil.copytree(world / "pipeline", tmp_path / "pipeline")
    spoil(tmp_path / "pipeline")
    message = refusal(lambda: Pipeline(tmp_path / "pipeline"))
    assert named in message and str(tmp_path / "pipeline") in message


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({}, "is empty"),
        ({"1.png": files.picture(1)}, "1 lacks a caption"),
        ({"1.txt": b"one"}, "1 must have one image"),
        ({"1.png": files.picture(1), "1.json": b"{}"}, "caption is empty"),
        ({"1.png": b"nothing", "1.txt": b"one"}, "not a readable PNG"),
        ({"1.png": files.picture(1), "2.png": files.picture(2), "1.txt": b"one"}, "1 do not lie side by side"),
        *(({"1.png": encoded(mode), "1.txt": b"one"}, f"image mode {mode} is not allowed") for mode in ODD_MODES),
    ],
)
def test_broken_shards_are_refused(tmp_path, members, named):
    file = files.shard(tmp_path / "shards/0.tar", members)
    data = {"name": "text-images", "path": str(file.parent), "resolution": files.SIDE}
    message = refusal(lambda: PairBatches(TextImages(data_of(data)), 1, ("a",)).batch(0))
    assert named in message and str(file) in message


def test_half_a_pair_in_a_folder_and_no_folder_are_refused(world, tmp_path):
    folder = shutil.copytree(world / "folder", tmp_path / "folder")
    (folder / "03.txt").unlink()
    data = {"name": "text-images", "path": str(folder), "resolution": files.SIDE}
    assert "03.txt is missing" in refusal(lambda: TextImages(data_of(data)))
    assert "data.path" in refusal(lambda: TextImages(data_of(data | {"path": str(folder / "none")})))


@pytest.mark.parametrize(
    ("text", "named"),
    [("{", "not valid JSON"), ("{}", "images"), ('{"images": [], "annotations": []}', "no caption of image")],
)
def test_broken_annotations_are_refused(tmp_path, text, named):
    file = tmp_path / "captions.json"
    file.write_text(text)
    data = {"name": "coco", "annotations": str(file), "prompts": 1, "prompt_seed": 0}
    message = refusal(lambda: coco.frozen(data_of(data)))
    assert named in message and str(file) in message


def pair_of(folder):
    data = {"name": "text-images", "path": str(folder), "resolution": files.SIDE}
    return PairBatches(TextImages(data_of(data)), 1, ("a",)).batch(0)


def test_hidden_files_are_no_shards_and_no_pairs(tmp_path):
    members = {"._1.png": b"Mac OS X", "1.png": files.picture(1), "1.txt": b"one", "LICENCE": b"free"}
    file = files.shard(tmp_path / "shards/0.tar", members)
    (file.parent / "._0.tar").write_bytes(b"Mac OS X")
    assert pair_of(file.parent)[1] == ["one"]


def test_a_byte_order_mark_is_no_part_of_a_caption(tmp_path):
    shard = files.shard(tmp_path / "shards/0.tar", {"1.png": files.picture(1), "1.txt": b"\xef\xbb\xbfone"})
    assert pair_of(shard.parent)[1] == ["one"]


@pytest.mark.parametrize("mode", ["L", "P", "RGB"])
def test_modes_that_rgb_can_hold_are_read(tmp_path, mode):
    shard = files.shard(tmp_path / "shards/0.tar", {"1.png": encoded(mode), "1.txt": b"one"})
    assert pair_of(shard.parent)[0].shape == (1, 3, files.SIDE, files.SIDE)


ONE_IMAGE = {"id": 1, "file_name": "1.jpg"}
ONE_CAPTION = {"id": 1, "image_id": 1, "caption": "a cat"}


@pytest.mark.parametrize(
    ("images", "captions", "named"),
    [
        ([ONE_IMAGE], [ONE_CAPTION | {"caption": None}], "None is no text"),
        ([ONE_IMAGE], [ONE_CAPTION | {"caption": ["a", "b"]}], "['a', 'b'] is no text"),
        ([ONE_IMAGE | {"file_name": 1}], [ONE_CAPTION], "1 is no text"),
        ([ONE_IMAGE | {"id": True}], [ONE_CAPTION], "True is no whole number"),
        ([ONE_IMAGE | {"id": 1.5}], [ONE_CAPTION], "1.5 is no whole number"),
        ([ONE_IMAGE, ONE_IMAGE | {"file_name": "2.jpg"}], [ONE_CAPTION], "2.jpg and 1.jpg have the same id 1"),
    ],
)
def test_annotations_of_another_type_are_refused(tmp_path, images, captions, named):
    file = tmp_path / "captions.json"
    file.write_text(json.dumps({"images": images, "annotations": captions}))
    message = refusal(lambda: coco.annotations(file))
    assert named in message and str(file) in message
