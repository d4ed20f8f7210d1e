"""The files behind text to image: pipelines, shards and folders of pairs, COCO annotations: read offline or refused."""

import shutil

import pytest
import text_to_image_files as files
import torch
from tiny import data_of

from atbench.data import coco
from atbench.data.text_images import PairBatches, TextImages
from atbench.models.stable_diffusion import Pipeline
from atbench.rng import gaussian
from atbench.runtime.errors import UserError


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
