"""Weights from and to diffusers: its classes, loaded from what we write, compute what our network and samplers do."""

import inspect
from pathlib import Path

import pytest
import torch
from checkout import link_released
from diffusers import DDIMScheduler, DDPMScheduler, DiffusionPipeline, UNet2DModel
from safetensors.torch import load_file, save_file
from torch import nn

from atbench import cli
from atbench.diffusion.schedule import cosine_schedule
from atbench.models.diffusers_config import DEFAULTS, NO_MATTER, check_unet, unet_config
from atbench.models.diffusers_folder import INDEX, SCHEDULER, WEIGHTS, read_folder, weights_file, write_folder
from atbench.models.weights import build, load_model
from atbench.runtime.errors import UserError
from atbench.sampling import make_sampler
from atbench.spec.load import load

LAPTOP = dict(load("laptop").file.model)
CLASSES = 7
NETWORKS = {
    "laptop's own": {},
    "class-conditional": {"num_classes": CLASSES},
    "no variance": {"learn_sigma": False},
    "several heads": {"channels_per_head": 4},
    "legacy order of attention": {"channels_per_head": 4, "new_attention_order": False},
    "attention at three levels, two blocks each, colour": {
        "image_size": 16,
        "in_channels": 3,
        "channel_mult": [1, 2, 2],
        "attention_resolutions": [16, 8, 4],
        "num_res_blocks": 2,
    },
    "attention at the upper level alone": {"attention_resolutions": [8]},
    "attention in the middle alone": {"attention_resolutions": []},
    "a single level": {"channel_mult": [1], "attention_resolutions": []},
}


def drawn(seed: int = 0, **changes) -> nn.Module:
    """A U-Net near laptop's with every parameter drawn, such that its output is about as large as its input."""
    model, draw = build("unet", LAPTOP | changes), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            size = value[0].numel() ** -0.5 if value.ndim > 1 else 0.1
            one = value.ndim == 1 and name.endswith("weight")  # the scale of a norm
            value.copy_(size * torch.randn(value.shape, generator=draw) + one)
    return model.eval()


def written(folder: Path, model: nn.Module) -> Path:
    write_folder(folder, model.state_dict(), model.config)
    return folder


def theirs(folder: Path) -> UNet2DModel:
    """What diffusers loads from the folder; every weight must have its place."""
    model, told = UNet2DModel.from_pretrained(folder, subfolder="unet", output_loading_info=True)
    assert not any(told.values()), told
    return model.eval()


def inputs(model: nn.Module, count: int = 3) -> tuple[torch.Tensor, torch.Tensor | None]:
    draw, config = torch.Generator().manual_seed(1), model.config
    shape = count, config["in_channels"], config["image_size"], config["image_size"]
    labels = torch.arange(count) % CLASSES if config["num_classes"] else None
    return torch.randn(shape, generator=draw), labels


def apart(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


def same(a: dict, b: dict) -> bool:
    return list(a) == list(b) and all(torch.equal(a[name], b[name]) for name in a)


@torch.no_grad()
def sampled(model: UNet2DModel, scheduler: DDIMScheduler, x: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
    """diffusers' DDIM as docs/own-checkpoint.md writes it."""
    for t in scheduler.timesteps:
        eps = model(x, t, class_labels=labels).sample[:, : x.shape[1]]
        x = scheduler.step(eps, t, x, use_clipped_model_output=True).prev_sample
    return x


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_their_network_gives_what_ours_gives(tmp_path, changes):
    ours = drawn(**changes)
    x, labels = inputs(ours)
    t = torch.tensor([0.0, 411.0, 999.0])
    with torch.no_grad():
        expected = ours(x, t, labels)
        found = theirs(written(tmp_path / "pipeline", ours))(x, t, class_labels=labels).sample
    assert apart(found, expected) < 1e-5 < expected.std() / 100


@pytest.mark.parametrize("nfe", [5, 10])
@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_their_ddim_draws_our_samples(tmp_path, changes, nfe):
    ours = drawn(**changes)
    x, labels = inputs(ours)
    folder = written(tmp_path / "pipeline", ours)
    sampler = make_sampler(load("laptop").suite("scratch").sampler("ddim"), nfe)
    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    scheduler.set_timesteps(nfe)
    assert scheduler.timesteps.tolist() == sampler.process.timesteps.tolist()[::-1]
    expected = sampler(lambda x, t: ours(x, t, labels), x, lambda k: None)
    found = sampled(theirs(folder), scheduler, x, labels)
    assert apart(found, expected) < 2e-5  # round-off on some processors: 1.01e-5


def released(monkeypatch, tmp_path: Path, *options: str) -> nn.Module:
    """The trained network that the tour releases, exported to the folder `pipeline` below the current one."""
    link_released(tmp_path)
    monkeypatch.chdir(tmp_path)
    run = "results/tour/scratch/at/seed0"
    assert cli.main(["export-weights", f"{run}/final", "pipeline", "--diffusers", *options]) == 0
    return load_model(f"{run}/weights/final.safetensors", "unet")


@pytest.mark.parametrize("nfe", [10, 20, 50])
def test_their_ddim_draws_the_samples_of_released_weights(monkeypatch, tmp_path, nfe):
    ours = released(monkeypatch, tmp_path)
    x, _ = inputs(ours, 16)
    scheduler = DDIMScheduler.from_pretrained("pipeline", subfolder="scheduler")
    scheduler.set_timesteps(nfe)
    expected = make_sampler(load("tour").suite("scratch").sampler("ddim"), nfe)(ours, x, lambda k: None)
    assert apart(sampled(theirs(Path("pipeline")), scheduler, x, None), expected) < 1e-5


def test_their_ddpm_follows_our_iddpm_through_the_learned_variance(monkeypatch, tmp_path):
    """As far as their tables go, which are products of a thousand float32 numbers where ours are of float64."""
    ours = released(monkeypatch, tmp_path)
    (x, _), nfe = inputs(ours, 16), 10
    noise = [torch.randn(x.shape, generator=torch.Generator().manual_seed(k)) for k in range(nfe)]
    pending = iter(noise)
    monkeypatch.setattr("diffusers.schedulers.scheduling_ddpm.randn_tensor", lambda *_, **__: next(pending))
    scheduler = DDPMScheduler.from_pretrained("pipeline", subfolder="scheduler", timestep_spacing="linspace")
    scheduler.set_timesteps(nfe)
    z, model = x, theirs(Path("pipeline"))
    with torch.no_grad():
        for t in scheduler.timesteps:
            z = scheduler.step(model(z, t).sample, t, z).prev_sample
    suite = load("tour").suite("scratch")
    expected, fixed = (make_sampler(suite.sampler(name), nfe)(ours, x, noise.__getitem__) for name in ("iddpm", "ddpm"))
    assert apart(z, expected) < 1e-3 < apart(fixed, expected)


@pytest.mark.parametrize(("learned", "pipeline"), [(True, "DDPMPipeline"), (False, "DDIMPipeline")])
def test_the_folder_is_a_pipeline_that_draws_images(tmp_path, learned, pipeline):
    folder = written(tmp_path / "pipeline", drawn(learn_sigma=learned))
    loaded = DiffusionPipeline.from_pretrained(folder)
    loaded.set_progress_bar_config(disable=True)
    assert type(loaded).__name__ == pipeline
    assert loaded(batch_size=2, num_inference_steps=3, output_type="np").images.shape == (2, 8, 8, 1)


def test_equal_weights_give_equal_bytes(tmp_path):
    first, second = (written(tmp_path / name, drawn()) for name in "ab")
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert [str(path) for path in files] == [INDEX, str(SCHEDULER), "unet/config.json", f"unet/{WEIGHTS[0]}"]
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in files)


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_a_round_trip_keeps_every_bit(tmp_path, changes):
    ours = drawn(**changes)
    network = {key: value for key, value in ours.config.items() if key != "num_classes"}
    file = weights_file(written(tmp_path / "first", ours))
    tensors, arguments = read_folder(file, network, conditional="num_classes" in changes)
    assert same(tensors, ours.state_dict()) and arguments["num_classes" if "num_classes" in changes else "channels"]
    write_folder(tmp_path / "second", tensors, ours.config)
    assert (tmp_path / "second/unet" / WEIGHTS[0]).read_bytes() == file.read_bytes()


def test_what_diffusers_saves_itself_comes_back_too(tmp_path):
    """In either kind of file, and with what its average leaves in the config."""
    ours = drawn()
    model = theirs(written(tmp_path / "ours", ours))
    model.register_to_config(decay=0.9999, optimization_step=3)
    for safe in (True, False):
        model.save_pretrained(tmp_path / f"{safe}", safe_serialization=safe)
        file = weights_file(tmp_path / f"{safe}")
        assert file.name == WEIGHTS[not safe]
        assert same(read_folder(file, LAPTOP, conditional=False)[0], ours.state_dict())


def test_attention_under_its_earlier_names_is_read(tmp_path):
    ours = drawn()
    file = weights_file(written(tmp_path / "pipeline", ours))
    earlier = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = load_file(file)
    for now, then in earlier.items():
        tensors = {name.replace(f".{now}.", f".{then}."): value for name, value in tensors.items()}
    save_file(tensors, file)
    assert same(read_folder(file, LAPTOP, conditional=False)[0], ours.state_dict())


def test_the_words_of_the_configs_are_those_of_diffusers(tmp_path):
    declared = inspect.signature(UNet2DModel.__init__).parameters
    plain = {name: value.default for name, value in declared.items() if name != "self"}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
    assert {name: value for name, value in plain.items() if name not in NO_MATTER} == DEFAULTS
    folder = written(tmp_path / "pipeline", drawn())
    for scheduler in (DDIMScheduler, DDPMScheduler):
        betas = scheduler.from_pretrained(folder, subfolder="scheduler").betas
        assert torch.equal(betas, cosine_schedule().betas.float())


@pytest.mark.parametrize(("side", "refused"), [(8, True), (4, False)])
def test_how_a_level_with_attention_is_halved_must_be_ours(tmp_path, side, refused):
    """Levels without attention say so by their type; the last one, of 4 pixels here, is not halved."""
    network = drawn(attention_resolutions=[side]).config
    found = unet_config(network) | {"downsample_type": "conv"}
    if not refused:
        check_unet(tmp_path, found, network)
        return
    with pytest.raises(UserError, match="downsample_type is 'conv'; the network of the suite needs 'resnet'"):
        check_unet(tmp_path, found, network)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channel_mult": [2, 2]}, "channel_mult: 2 at the first level"),
        ({"vocabulary": 10, "caption_length": 4}, "vocabulary: it has no encoder of captions"),
        ({"guided": True}, "guided: it takes no guidance weight"),
    ],
)
def test_a_network_that_diffusers_has_no_word_for_is_refused_by_its_argument(tmp_path, changes, words):
    model = drawn(**changes)
    with pytest.raises(UserError, match=f"UNet2DModel of diffusers has no counterpart: {words}"):
        write_folder(tmp_path / "pipeline", model.state_dict(), model.config)
    assert not (tmp_path / "pipeline").exists()
