"""Latent diffusion from captions: captions, text encoder, autoencoder, guidance, and what distillation folds in."""

import copy

import pytest
import torch
from tiny import load_images, sampler_of, settings

from atbench.data.captions import DIGITS, LENGTH, PHRASES, VOCABULARY, captions, empty, tokenise
from atbench.data.conditions import CAPTION, condition
from atbench.models.caption_encoder import CaptionEncoder
from atbench.models.weights import build
from atbench.rng import gaussian
from atbench.runtime.errors import UserError
from atbench.tasks.generate import BLOCK, Generator
from atbench.tasks.latents import encoded, reconstructed
from atbench.training.loop import Trainer
from atbench.training.objectives.consistency import Given, guided_network, network_of

CPU = torch.device("cpu")
NETWORK = {
    "image_size": 4,
    "in_channels": 2,
    "channels": 16,
    "channel_mult": [1],
    "num_res_blocks": 1,
    "attention_resolutions": [4],
    "channels_per_head": 8,
    "num_groups": 4,
    "vocabulary": VOCABULARY,
    "caption_length": LENGTH,
}
AUTOENCODER = {"image_size": 8, "in_channels": 1, "channels": 8, "latent_channels": 4, "num_groups": 4}
GRID = {"parametrisation": "vp", "t_start": 960, "stride": 120, "clip": False}


def network(**changes):
    torch.manual_seed(0)
    model = build("unet", NETWORK | changes)
    with torch.no_grad():
        for parameter in (value for name, value in model.named_parameters() if "guidance" not in name):
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    return model


def recipe(objective, **changes):
    return settings(objective, conditional="caption", seed_names=("latent", 0), **changes)


def test_captions_name_their_digit_and_read_back():
    digits = torch.arange(10).repeat(20)
    texts = captions(digits, "test")
    assert all(DIGITS[digit] in text.split() for digit, text in zip(digits.tolist(), texts))
    assert len(set(texts)) > 40 and captions(digits, "test") == texts
    tokens = tokenise(texts)
    assert tokens.shape == (200, LENGTH) and tokens.max() < VOCABULARY and (tokens[:, 0] == 1).all()
    assert len({tuple(row) for row in tokens.tolist()}) == len(set(texts))
    assert (empty(3) == tokenise(["", "", ""])).all() and (empty(1)[0, 1:] == 0).all()


@pytest.mark.parametrize(("text", "word"), [("a handwritten tree", "'tree'"), ("the " * LENGTH, "too long")])
def test_unreadable_captions_are_refused(text, word):
    with pytest.raises(UserError, match=f"caption.*{word}"):
        tokenise([text])


def test_share_of_empty_captions():
    tokens = condition(CAPTION, torch.zeros(2000, dtype=torch.long), ("test",), drop=0.1)
    assert (tokens == empty(2000)).all(1).float().mean().item() == pytest.approx(0.1, abs=0.02)
    whole = condition(CAPTION, torch.zeros(2000, dtype=torch.long), ("test",))
    assert not (whole == empty(2000)).all(1).any()


def test_the_networks_empty_caption_is_that_of_the_data():
    assert torch.equal(network().empty(3), empty(3))


def test_encoder_ignores_padding_and_reads_the_empty_caption():
    torch.manual_seed(0)
    encoder = CaptionEncoder(VOCABULARY, LENGTH, 8, 12)
    torch.nn.init.normal_(encoder.places)
    tokens = tokenise([PHRASES[0].format("three"), "", "the digit three"])
    out = encoder(tokens)
    assert out.shape == (3, 12) and out.isfinite().all()
    longer = torch.cat([tokens, torch.zeros(3, 1, dtype=torch.long)], 1)
    encoder.places = torch.nn.Parameter(torch.cat([encoder.places, torch.full((1, 8), 9.0)]))
    torch.testing.assert_close(encoder(longer), out)


@pytest.fixture(scope="module")
def digits():
    return load_images({"name": "digits"}, "train")


@pytest.fixture(scope="module")
def autoencoder(digits):
    torch.manual_seed(0)
    trainer = Trainer(build("autoencoder", AUTOENCODER), recipe("reconstruct"), CPU)
    for index in range(120):
        trainer.train_batch(digits.floats(torch.arange(64) + 64 * (index % 20)), None)
    return trainer.ema.module.eval()


def test_latents_have_unit_scale_and_the_images_come_back(digits, autoencoder):
    latents = encoded(digits, autoencoder)
    assert latents.images.shape == (len(digits), 4, 4, 4) and latents.labels is digits.labels
    assert latents.images.square().mean().sqrt().item() == pytest.approx(1, abs=0.15)
    assert torch.equal(latents.floats(torch.tensor([5])), latents.images[5:6])
    x = digits.floats(torch.arange(256))
    error = autoencoder.decode(autoencoder.encode(x)) - x
    assert error.square().mean() < 0.3 * (x - x.mean(0)).square().mean()
    torch.testing.assert_close(reconstructed(digits.images[:4], autoencoder), autoencoder.decode(latents.images[:4]))


def test_guidance_zero_is_the_conditional_teacher_and_more_moves_away_from_the_empty_caption():
    model = network()
    x, t = gaussian((4, 2, 4, 4), "x"), torch.full((4,), 400.0)
    tokens = tokenise(["the digit three"] * 4)
    plain, away = (network_of(model, Given(labels, None))(x, t) for labels in (tokens, empty(4)))
    assert torch.equal(guided_network(model, Given(tokens, torch.zeros(4)))(x, t), plain)
    torch.testing.assert_close(guided_network(model, Given(tokens, torch.ones(4)))(x, t), 2 * plain - away)
    assert not torch.allclose(plain, away)


def distilling():
    teacher = Trainer(network(), recipe("noise-prediction"), CPU)
    block = {"grid": GRID, "target_decay": 0.9, "distance": {"kind": "l2"}, "guidance": [0.0, 2.0]}
    student = Trainer(network(guided=True), recipe("consistency", distillation=block), CPU)
    student.start_from(copy.deepcopy(teacher.state()), same_objective=False)
    return teacher, student


def test_student_starts_as_its_teacher_whatever_the_guidance():
    teacher, student = distilling()
    x, t, tokens = gaussian((4, 2, 4, 4), "x"), torch.full((4,), 400.0), tokenise(["the digit three"] * 4)
    guided = student.model(x, t, tokens, torch.tensor([0.0, 0.5, 1.0, 2.0]))
    torch.testing.assert_close(guided, teacher.model(x, t, tokens))
    assert not student.objective.teacher.guided and student.objective.target.guided


def test_distillation_draws_guidance_and_learns_to_use_it():
    _, student = distilling()
    draw = student.objective.draw(gaussian((64, 2, 4, 4), "z"), torch.arange(64) % 10, ("latent-consistency", 0))
    assert draw.guidance.min() >= 0 and draw.guidance.max() <= 2 and draw.guidance.std() > 0.4
    student.train_batch(gaussian((8, 2, 4, 4), "z"), torch.arange(8))
    assert student.counts["forward_passes"] == 3 + 2 + 1  # the guided teacher evaluates twice a step
    assert student.model.guidance_proj.weight.abs().max() > 0


def test_weights_of_another_network_are_refused_as_a_start():
    _, student = distilling()
    with pytest.raises(UserError, match="another network"):
        student.start_from(Trainer(network(num_res_blocks=2), recipe("noise-prediction"), CPU).state(), False)


@pytest.mark.parametrize("guidance", [None, 0.0, 1.5])
def test_guided_sampling_counts_two_evaluations_a_step(guidance):
    sampler = sampler_of("ddim", 4)
    images, requests, nfe = Generator(network(), sampler, ("latent", 0), CPU, guidance)(10)
    assert nfe == (4 if guidance is None else 8)
    assert images.shape == (10, 2, 4, 4) and requests.shape == (10,)


def test_guided_sampling_at_weight_zero_is_conditional_sampling():
    sampler = sampler_of("ddim", 4)
    plain, guided = (Generator(network(), sampler, ("latent", 0), CPU, w)(BLOCK)[0] for w in (None, 0.0))
    # Twice the batch rounds differently: a grey level may flip.
    assert (plain.int() - guided.int()).abs().max() <= 1
