"""A trainer small enough for unit tests: tiny networks, random batches, a recipe."""

import io

import torch
from pydantic import TypeAdapter, ValidationError

from atbench.contracts import bench
from atbench.contracts.bench import CPU, NETWORKS
from atbench.data import load
from atbench.models.unet import WIDE
from atbench.models.weights import build
from atbench.sampling import make_sampler
from atbench.spec.fields import refusal
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS, method_type
from atbench.spec.models.samplers import sampler_type
from atbench.spec.models.scale import Data
from atbench.spec.models.training import Grid, Training
from atbench.spec.recipe import Recipe
from atbench.spec.signatures import model_of
from atbench.training.loop import Trainer

METHOD, SAMPLERS, GRIDS = (TypeAdapter(kind) for kind in (method_type(), sampler_type(), Grid))
TRAINING = bench.TRAINING | {"batch_size": 8}
WIDE_NETWORK = {"channels": WIDE, "channel_mult": (1, 1), "num_groups": 4, "dropout": 0.2}
LAYOUTS = {"pixels innermost": torch.contiguous_format, "channels innermost": torch.channels_last}


def perturbation_of(entry):
    """The typed form of a ``perturbation:`` block."""
    return model_of(PERTURBATIONS[entry["kind"]]).model_validate(entry)


def data_of(block):
    """The typed form of a ``data:`` block. Raises UserError as reading a scale does."""
    try:
        return Data.model_validate(block)
    except ValidationError as error:
        raise refusal(error, block, "scale.yaml", "data") from error


def load_images(block, split):
    """A split of the images of a ``data:`` block."""
    return load(data_of(block), split)


def method_of(objective, perturbation, **options):
    """A method as methods.yaml declares one."""
    return METHOD.validate_python({"label": "", "objective": objective, "perturbation": perturbation, **options})


def grid_of(block):
    """The typed form of a ``grid:`` block of a distillation."""
    return GRIDS.validate_python(block)


def sampler_of(kind, nfe, grid=None, **options):
    """A sampler that calls its denoiser ``nfe`` times; ``grid`` is the block of the distillation that it samples."""
    entry = SAMPLERS.validate_python({"label": kind, "kind": kind, **options})
    return make_sampler(entry, nfe, grid and grid_of(grid))


def settings(objective="noise-prediction", perturbation=None, **changes):
    """The recipe of a tiny run; ``changes`` are options of the objective, keys of `training:` or fields of a recipe."""
    options = {option.name for option in OBJECTIVES[objective].options}
    training = {key: changes.pop(key) for key in list(changes) if key in Training.known_keys()}
    return Recipe(
        objective=objective,
        options={key: changes.pop(key) for key in list(changes) if key in options},
        perturbation=perturbation_of(perturbation or {"kind": "none"}),
        training=Training.model_validate(TRAINING | training),
        **{
            "learning_rate": 2e-3,
            "conditional": False,
            "seed_names": ("scratch", 0),
            "network": {},
            "network_kind": OBJECTIVES[objective].constants["network"],
        }
        | changes,
    )


def trainer_of(recipe, seed=0, **network):
    torch.manual_seed(seed)
    return Trainer(build(recipe.network_kind, NETWORKS[recipe.network_kind] | network), recipe, CPU)


def batch(index=0, n=8, channels=1, side=8):
    generator = torch.Generator().manual_seed(index)
    x0 = torch.rand(n, channels, side, side, generator=generator) * 2 - 1
    return x0, torch.randint(10, (n,), generator=generator)


def run_batches(trainer, start, end):
    return [trainer.train_batch(*batch(index)) for index in range(start, end)]


def same_states(a, b):
    """Whether two nested states are equal bit for bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_states(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_states, a, b))
    return a == b


def through_file(state):
    """A state as it comes back from a file in which nothing may be executed."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)
