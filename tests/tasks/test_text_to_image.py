"""Latent consistency from Stable Diffusion, offline: every loading path on tiny files in the real formats."""

import copy
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import text_to_image_files as files
import torch
from diffusers import LatentConsistencyModelPipeline, LCMScheduler
from tiny import data_of, grid_of, sampler_of
from torch import nn
from yaml import safe_dump

from atbench.data import coco
from atbench.data import load as load_images
from atbench.data.text_images import TextImages
from atbench.diffusion.consistency import make_consistency
from atbench.metrics import extractors
from atbench.metrics.clip_score import ClipScore
from atbench.metrics.features import Extractor
from atbench.models.stable_diffusion import Pipeline, guidance_embedding
from atbench.models.weights import build as build_network
from atbench.report.build import build
from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.address import FINAL
from atbench.spec.load import load
from atbench.spec.scales import scale_values
from atbench.tasks import pretrained
from atbench.tasks.evaluate import evaluate
from atbench.tasks.latents import EncodedPairs
from atbench.tasks.reconstruction import reconstruction
from atbench.tasks.reference import reference
from atbench.tasks.train import batches_of, new_trainer, train
from atbench.training.objectives.consistency import Given, guided_network, network_of

SUITE, CPU = "latent-consistency", torch.device("cpu")
GRID = {"parametrisation": "vp", "schedule": "scaled-linear", "t_start": 999, "stride": 20, "clip": False}
METRICS = {"kid_subsets": 2, "kid_subset_size": 16, "is_splits": 2, "pr_neighbours": 3, "blocks": 4}


@pytest.fixture
def tiny(world, tmp_path, monkeypatch):
    """The paper scale with everything about its sizes and places replaced, in a directory of its own."""
    experiments = tmp_path / "experiments"
    shutil.copytree(yaml.EXPERIMENTS, experiments)
    judged = {"path": str(world / "coco/val2014"), "annotations": str(world / "coco/annotations/captions_val2014.json")}
    block = {"batches": 4, "snapshots": 2, "seeds": [0], "model": {"image_size": 8}, "training": {"batch_size": 4}}
    block |= {"data": {"path": str(world / "shards"), "resolution": files.SIDE}}
    block |= {"judged_by": judged | {"prompts": files.PROMPTS, "resolution": files.SIDE}}
    block |= {"evaluation": {"samples": 64, "metrics": METRICS, "floor_repeats": 2}}
    scale = {
        "extends": "paper",
        "threads": 1,
        "cross_checks": None,
        "suites": {SUITE: block},
        "tuned": {SUITE: {"lcm": {}}},
    }
    (experiments / "scales/tiny.yaml").write_text(safe_dump(scale))
    monkeypatch.setattr(yaml, "EXPERIMENTS", experiments)
    monkeypatch.setenv(pretrained.PIPELINE_VARIABLE, str(world / "pipeline"))
    monkeypatch.setenv(pretrained.CLIP_VARIABLE, str(world / "clip"))
    monkeypatch.setenv(pretrained.EXTRACTOR_VARIABLE, str(world / "clip/config.json"))
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.setitem(extractors.EXTRACTORS, "inception-2015", small_extractor)
    monkeypatch.chdir(tmp_path)
    load.cache_clear()
    yield load("tiny")
    load.cache_clear()


def small_extractor(path, file_hash, device):
    """Stands in for Inception: mean colours of quarters, some of them as classes, some as spatial features."""

    class Quarters(nn.Module):
        def forward(self, images):
            features = nn.functional.adaptive_avg_pool2d(images.float() / 255, 2).flatten(1)
            return features, features[:, :3], {"sfid": features[:, 3:8]}

    return Extractor("inception-2015", file_hash, Quarters(), 3, None, 16, device)


def trainer_of(world, benchmark, method, learning_rate=None, **training):
    """A trainer on the folder of pairs, and its batches; ``training`` changes keys of that block."""
    recipe = benchmark.suite(SUITE).run(method, 0).recipe
    rate = recipe.learning_rate if learning_rate is None else learning_rate
    recipe = replace(recipe, learning_rate=rate, training=recipe.training.model_copy(update=training))
    data = data_of({"name": "text-images", "path": str(world / "folder"), "resolution": files.SIDE})
    images = EncodedPairs(TextImages(data), Pipeline(world / "pipeline"))
    return new_trainer(recipe, images, CPU), batches_of(images, recipe)


def refusal(action):
    """The one line with which ``action`` is refused."""
    with pytest.raises(UserError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Formulas against diffusers' own.


def test_grid_sampler_and_embedding_are_those_of_diffusers():
    theirs = LCMScheduler.from_config({"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012})
    function = make_consistency(grid_of(GRID))
    torch.testing.assert_close(function.process.schedule.alphas_cumprod.float(), theirs.alphas_cumprod)
    x, eps = gaussian((2, 4, 8, 8), "x"), gaussian((2, 4, 8, 8), "eps")
    for nfe in (1, 2, 4, 8):
        sampler = sampler_of("consistency", nfe, GRID)
        theirs.set_timesteps(nfe, original_inference_steps=50)
        assert function.times[list(sampler.visited)].tolist() == theirs.timesteps.tolist()
        for level, t in zip(sampler.visited, theirs.timesteps):
            expected = theirs.step(eps, t, x, generator=torch.Generator().manual_seed(0)).denoised
            torch.testing.assert_close(function.f(lambda x, t: eps, x, torch.tensor([level, level])), expected)
    w = torch.tensor([0.0, 7.5, 14.9])
    wanted = LatentConsistencyModelPipeline.get_guidance_scale_embedding(None, w, 256)
    torch.testing.assert_close(guidance_embedding(w, 256), wanted)


@pytest.mark.parametrize(("guided", "count"), [(False, 859_520_964), (True, 859_520_964 + 320 * 256)])
def test_parameter_count_of_the_real_one(guided, count):
    unet = {"in_channels": 4, "cross_attention_dim": 768, "attention_head_dim": 8}  # the rest are diffusers' defaults
    with torch.device("meta"):
        model = build_network(
            "stable-diffusion",
            {"image_size": 64, "in_channels": 4, "unet": unet} | {"text_shape": [77, 768], "guided": guided},
        )
    assert sum(parameter.numel() for parameter in model.parameters()) == count


def test_prompts_are_frozen_by_their_seed(tiny):
    data = tiny.suite(SUITE).judged_by
    prompts = coco.frozen(data)
    numbers = [int(file[-7:-4]) for file in prompts.files]
    assert [int(text.split()[-1]) for text in prompts.texts] == numbers and len(set(numbers)) == files.PROMPTS
    assert {text.split()[0] for text in prompts.texts} == {"0", "1", "2"}
    assert coco.frozen(data_of(data.written() | {"prompt_seed": 1})).hash != prompts.hash
    assert prompts.hash[:16] == "30d01a06954d28e3"
    real, rest = (load_images(data, split) for split in ("train", "held-out"))
    assert (len(real), len(rest)) == (files.PROMPTS, files.IMAGES - files.PROMPTS)
    assert set(prompts.files).isdisjoint(prompts.others) and real.shape == (3, files.SIDE, files.SIDE)


# Training.


def test_student_starts_as_its_teacher_and_guidance_zero_is_the_conditional_one(world, tiny):
    trainer, batches = trainer_of(world, tiny, "lcm")
    x, texts = (rows.to(CPU) for rows in batches.batch(0))
    t, teacher = torch.tensor([19, 499, 759, 999]), trainer.objective.teacher
    plain = teacher(x, t, texts)
    torch.testing.assert_close(trainer.model(x, t, texts, torch.tensor([5.0, 7.5, 10.0, 15.0])), plain)
    assert torch.equal(guided_network(teacher, Given(texts, torch.zeros(4)))(x, t), plain)
    away = network_of(teacher, Given(batches.images.pipeline.embed([""] * 4), None))(x, t)
    assert not torch.allclose(plain, away)
    torch.testing.assert_close(guided_network(teacher, Given(texts, torch.full((4,), 2.0)))(x, t), 3 * plain - 2 * away)


def test_a_process_encodes_its_own_parts_alone_and_as_one_process_would(world, tiny, monkeypatch):
    trainer, batches = trainer_of(world, tiny, "lcm", micro_batches=4, batch_size=8)
    alone = trainer._parts(*batches.batch(0))
    assert torch.equal(batches.batch(0)[0].to(CPU), torch.cat([part.draw.x0 for part in alone]))
    seen, encode, embed = [], Pipeline.encode, Pipeline.embed
    monkeypatch.setattr(Pipeline, "encode", lambda self, x, noise: seen.append(len(x)) or encode(self, x, noise))
    monkeypatch.setattr(Pipeline, "embed", lambda self, texts: seen.append(len(texts)) or embed(self, texts))
    monkeypatch.setenv("WORLD_SIZE", "2")
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        seen.clear()
        parts = trainer._parts(*batches.batch(0))
        assert seen == [2] * 4  # two parts of two pairs, images and texts
        for part, same in zip(parts, alone[rank::2], strict=True):
            assert torch.equal(part.draw.x0, same.draw.x0) and torch.equal(part.draw.labels, same.draw.labels)
    assert not torch.equal(alone[0].draw.x0, alone[1].draw.x0)


@pytest.mark.parametrize(("method", "updates", "passes"), [("lcm", 1, 6), ("lcm-ip", 1, 6), ("lcm-at", 3, 12)])
def test_methods_train_on_the_one_loop_and_resume_bit_for_bit(world, tiny, method, updates, passes):
    trainer, batches = trainer_of(world, tiny, method, learning_rate=1e-3)
    log = [trainer.train_batch(*batches.batch(index)) for index in range(2)]
    middle = copy.deepcopy(trainer.state())
    log += [trainer.train_batch(*batches.batch(index)) for index in range(2, 4)]
    assert trainer.counts == {"batches": 4, "updates": 4 * updates, "gradient_evals": 4 * updates} | {
        "forward_passes": 4 * passes
    }
    assert (log[0]["delta_rms"] > 0) == (method != "lcm")
    assert trainer.model.unet.time_embedding.cond_proj.weight.abs().max() > 0
    resumed, batches = trainer_of(world, tiny, method, learning_rate=1e-3)
    resumed.load(middle)
    for index in range(2, 4):
        resumed.train_batch(*batches.batch(index))
    whole, resumed = (list(one.model.state_dict().values()) for one in (trainer, resumed))
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed))


@pytest.mark.slow
def test_from_training_to_the_table(tiny, tmp_path):
    suite, cells = tiny.suite(SUITE), []
    reference(suite)
    reconstruction(suite)
    for method in ("lcm", "lcm-at", "lcm-forward", "teacher"):
        run = suite.run(method, 0)
        train(run)
        nfes = (1, 2, 4, 8) if method == "lcm" else (4,)
        cells += [run.cell(FINAL, "ddim-guided" if method == "teacher" else "lcm", nfe) for nfe in nfes]
    evaluate(cells)
    for cell in cells:
        record = json.loads(cell.address.path.read_text())
        assert record["counts"]["nfe"] == cell.nfe and record["counts"]["samples"] == 64
        assert {"pipeline", "clip", "prompts", "reference"} <= record["inputs"].keys()
        assert 0 <= record["metrics"]["clip_score"] <= 100 and record["metrics"]["fd"] > 0
        assert record["metrics"]["sfid"] > 0
        assert not {"nn_ratio", "caption_score"} & record["metrics"].keys()
    build(tiny, tmp_path / "results/tiny", [SUITE])
    table = (tmp_path / "results/tiny/tables/latent-consistency-clip_score.md").read_text()
    assert "CLIP score" in table and "LCM-AT" in table
    assert "sFID" in (tmp_path / "results/tiny/tables/latent-consistency-sfid.md").read_text()
    assert "reconstruction" in (tmp_path / "results/tiny/tables/latent-consistency.md").read_text()
    assert "clip_score" in (tmp_path / "results/tiny/tables/cells.csv").read_text().splitlines()[0]


def test_clip_score_by_hand(world):
    score = ClipScore(world / "clip", CPU)
    images, texts = torch.randint(256, (5, 3, 16, 16), generator=torch.Generator().manual_seed(0)), list("abcde")
    images = images.to(torch.uint8)
    pixels = score.processor(images=[i.permute(1, 2, 0).numpy() for i in images], return_tensors="pt")
    tokens = score.tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        model = score.model
        seen = model.visual_projection(model.vision_model(**pixels).pooler_output)
        read = model.text_projection(model.text_model(**tokens).pooler_output)
    expected = (100 * torch.cosine_similarity(seen, read)).clamp(min=0)
    torch.testing.assert_close(score(images, texts), expected, rtol=1e-4, atol=1e-4)
    assert "images, but" in refusal(lambda: score(images, texts[:4]))


def test_missing_places_and_another_pipeline_are_refused(world, tiny, tmp_path, monkeypatch):
    run = tiny.suite(SUITE).run("teacher", 0)
    train(run)
    reference(tiny.suite(SUITE))
    cell = run.cell(FINAL, "ddim-guided", 4)
    shutil.copytree(world / "pipeline", tmp_path / "other")
    (tmp_path / "other/vae/note").write_text("changed")
    monkeypatch.setenv(pretrained.PIPELINE_VARIABLE, str(tmp_path / "other"))
    assert "trained with pipeline" in refusal(lambda: evaluate([cell]))
    monkeypatch.setenv(pretrained.CLIP_VARIABLE, str(tmp_path / "none"))
    assert "none, where nothing lies" in refusal(lambda: evaluate([cell]))
    monkeypatch.delenv(pretrained.CLIP_VARIABLE)
    assert pretrained.CLIP_VARIABLE in refusal(lambda: evaluate([cell]))
    monkeypatch.delenv(pretrained.PIPELINE_VARIABLE)
    assert pretrained.PIPELINE_VARIABLE in refusal(lambda: train(run))


# The scale file.


def test_every_constant_of_the_paper_scale_has_a_source():
    def bare(value, path=()):
        if isinstance(value, dict) and "source" in value:
            return [] if value["source"] in ("script", "peer", "ours") and value.get("why") else [path]
        if isinstance(value, dict):
            return [found for key, item in value.items() for found in bare(item, (*path, key))]
        return [path]

    values = scale_values("paper")
    assert bare(values["suites"][SUITE]) == bare(values["tuned"][SUITE]) == []
    paper = load("paper")
    assert {"latent", "autoencoder"}.isdisjoint(paper.suites)
    assert not any(run.parents for run in paper.suite(SUITE).runs() if run.address.method in ("lcm", "teacher"))


def test_other_jobs_do_not_import_the_libraries():
    code = "import sys, atbench.tasks.train, atbench.tasks.evaluate"
    code += "; print({'transformers', 'diffusers', 'webdataset'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
