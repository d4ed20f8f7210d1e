"""Our side: networks of the experiment files with seeded weights, their trainers, samplers and made-up images."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from atbench.models.weights import build
from atbench.rng import gaussian, generator
from atbench.sampling import make_sampler
from atbench.spec.load import load
from atbench.spec.recipe import Recipe
from atbench.tasks.generate import GROUP, Generator
from atbench.training.loop import Trainer
from benchmarks.entries import Setting

NAMES = ("speed",)  # behind every random draw
CLASSES = 1000  # of ImageNet
AWAKE = 0.02  # standard deviation of weights that start at zero: zeros would make a network's work look easier


def recipe_of(scale: str, suite: str, method: str = "adm", rounds: int | None = None, **network: Any) -> Recipe:
    """The recipe of a method as the experiment files have it; ``network`` replaces arguments of its network.

    rounds: K of an adversarial method.
    """
    recipe = load(scale).suite(suite).run(method, 0).recipe
    changed = {} if rounds is None else {"inner_steps": rounds}
    perturbation = recipe.perturbation.model_copy(update=changed)
    return replace(recipe, network={**recipe.network, **network}, perturbation=perturbation)


def trainer_of(recipe: Recipe, setting: Setting) -> Trainer:
    """A trainer of a recipe, in the precision and compiled as the column says."""
    torch.manual_seed(0)
    training = recipe.training.model_copy(update={"precision": setting.column.precision, "compiled": False})
    network = awake(build(recipe.network_kind, {**recipe.network, **classes_of(recipe)}))
    return Trainer(network, replace(recipe, training=training), setting.device)


def classes_of(recipe: Recipe) -> dict[str, int]:
    """The argument of a conditional network that its images decide."""
    return {"num_classes": CLASSES} if recipe.conditional else {}


def awake(network: nn.Module) -> nn.Module:
    """The network with small weights where it starts from zeros."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1 and not parameter.any():
                parameter.copy_(AWAKE * gaussian(tuple(parameter.shape), *NAMES, "awake", name))
    return network


def batch_of(recipe: Recipe, count: int, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Made-up images (count, C, H, W) in [-1, 1] and, for a conditional network, classes (count,)."""
    channels, side = recipe.network["in_channels"], recipe.network["image_size"]
    x0 = gaussian((count, channels, side, side), *NAMES, "x0").clamp(-1, 1).to(device)
    return x0, torch.arange(count, device=device) % CLASSES if recipe.conditional else None


def sampling_of(model: nn.Module, nfe: int, block: int, setting: Setting) -> Generator:
    """What makes images with DDIM, so many at once."""
    entry = load("laptop").samplers["ddim"]
    return Generator(model, make_sampler(entry, nfe), NAMES, setting.device, block=block)


def latents(shape: tuple[int, ...]) -> Tensor:
    """The latents (N, C, H, W) that `Generator` starts its first block from."""
    groups = range(-(-shape[0] // GROUP))
    return torch.cat([gaussian((GROUP, *shape[1:]), *NAMES, "latent", group) for group in groups])[: shape[0]]


def pictures(folder: Path, count: int, side: int = 32) -> Path:
    """A folder of made-up PNG files, smooth with some noise, so that they compress about as photographs do."""
    folder.mkdir(parents=True)
    random = generator(*NAMES, "pictures")
    for index in range(count):
        coarse = torch.rand(1, 3, 4, 4, generator=random)
        smooth = nn.functional.interpolate(coarse, (side, side), mode="bicubic")[0]
        pixels = (255 * smooth + 8 * torch.randn(3, side, side, generator=random)).clamp(0, 255)
        Image.fromarray(pixels.byte().permute(1, 2, 0).numpy()).save(folder / f"{index:05d}.png")
    return folder


def made_up_features(count: int, width: int, name: str) -> Tensor:
    """Features (count, width), float32, non-negative and correlated as those of a network are."""
    random = generator(*NAMES, "features", name)
    common = torch.randn(64, width, generator=generator(*NAMES, "mixing"))
    mixed = torch.randn(count, 64, generator=random) @ common / 8
    return (mixed + 0.5 * torch.randn(count, width, generator=random)).relu()
