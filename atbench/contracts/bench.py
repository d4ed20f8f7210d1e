"""A trainer that is small enough to try things on: tiny networks, made-up images, everything by name."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from atbench.models.weights import build
from atbench.rng import gaussian, uniform
from atbench.runtime.errors import UserError
from atbench.spec.budget import passes_per_batch
from atbench.spec.classes import REQUIRED, Declared
from atbench.spec.fields import refusal
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS, Method, method_type
from atbench.spec.models.training import Training
from atbench.spec.recipe import Recipe
from atbench.spec.signatures import model_of, plain_model
from atbench.training.draw import Draw
from atbench.training.loop import Trainer

N, SIDE, CLASSES = 6, 8, 10  # images of a batch, pixels per side, classes
CPU = torch.device("cpu")
NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {
        "image_size": SIDE,
        "in_channels": 1,
        "channels": 8,
        "channel_mult": [1, 2],
        "num_res_blocks": 1,
        "attention_resolutions": [4],
        "channels_per_head": 8,
        "num_groups": 4,
        "dropout": 0.1,
    },
    "digits-classifier": {"width": 8, "dropout": 0.1},
    "autoencoder": {"image_size": SIDE, "in_channels": 1, "channels": 8, "latent_channels": 2, "num_groups": 4},
}
TRAINING = {
    "batch_size": N,
    "flip": False,
    "weight_decay": 0.0,
    "ema": {"relative_length": 0.1},
    "timesteps": "uniform",
    "distillation": {
        "grid": {"parametrisation": "vp", "t_start": 960, "stride": 120},
        "target_decay": 0.9,
        "distance": {"kind": "pseudo-huber", "c": 0.03},
    },
}
CANDIDATES = (0.1, 0.5, 2, 1, 5, 1.0, 2.0, True, "a")  # values that are tried for an option without a default
Seen = list[tuple[Draw, Tensor, dict[str, Tensor]]]  # of every round: draw, delta (N, C, H, W), terms (N,)


def options_of(found: Declared, given: Mapping[str, Any]) -> dict[str, Any]:
    """A value for every option without a default: a given one, or one that its type allows.

    Raises UserError for an option that is not there or out of its range, and for a type that none of ours fits.
    """
    unknown = given.keys() - {option.name for option in found.options}
    if unknown:
        known = ", ".join(option.name for option in found.options) or "none"
        raise UserError(f"--option {sorted(unknown)[0]}: unknown option of {found.kind}; known: {known}")
    chosen = dict(given)
    for option in found.options:
        if option.name not in chosen and option.default is REQUIRED:
            chosen[option.name] = _example(found, option.name, option.type)
    try:
        plain_model(found).model_validate(chosen)
    except ValidationError as error:
        raise refusal(error, chosen, found.module) from error
    return chosen


def _example(found: Declared, name: str, of: Any) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(of)
    literal = [value for value in getattr(of, "__args__", ()) if isinstance(value, str | int | float)]
    for value in (*literal, *CANDIDATES, [0.1, 0.5], [1, 2]):
        try:
            adapter.validate_python(value, strict=not isinstance(value, list))
        except ValidationError:
            continue
        return value
    raise UserError(f"{found.module}: option {name}: give a value to try it with: --option {name}=...")


def method_of(objective: str, perturbation: Mapping[str, Any], options: Mapping[str, Any]) -> Method:
    """The entry of methods.yaml that would say so."""
    entry = {"label": "tried", "objective": objective, "perturbation": dict(perturbation), **options}
    method: Method = TypeAdapter(method_type()).validate_python(entry)
    return method


def passes_of(method: Method) -> int:
    """Forward passes a batch, as the experiment files count them."""
    distilled = method.objective == "consistency" or bool(method.solves_anew)
    return passes_per_batch(method, Training.model_validate(TRAINING).distillation if distilled else None)


def trainer_of(
    objective: str, perturbation: Mapping[str, Any], options: Mapping[str, Any], channels: int = 1
) -> Trainer:
    """A fresh trainer, the same every time. Raises UserError for a network that is not tried here."""
    network = str(OBJECTIVES[objective].constants["network"])
    if network not in NETWORKS:
        raise UserError(
            f"objective {objective}: trains a {network}; only {', '.join(NETWORKS)} are small enough to try"
        )
    key = "channels" if network == "digits-classifier" else "in_channels"
    arguments = NETWORKS[network] | ({key: channels} if channels > 1 else {})
    recipe = Recipe(
        objective=objective,
        options=options,
        perturbation=model_of(PERTURBATIONS[perturbation["kind"]]).model_validate(dict(perturbation)),
        learning_rate=2e-3,
        training=Training.model_validate(TRAINING),
        conditional=False,
        seed_names=("contract", 0),
        network=arguments,
        network_kind=network,
    )
    torch.default_generator.manual_seed(0)  # which initialisation draws from
    model = build(network, arguments)
    for place, parameter in enumerate(model.parameters()):
        if not parameter.any():  # layers that begin at zero would pass no gradient on
            parameter.data = 0.1 * gaussian(parameter.shape, "contract", "head", place)
    return Trainer(model, recipe, CPU)


def batch(index: int, channels: int = 1, changed: bool = False) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) in [-1, 1] and classes (N,); ``changed``: the first image is another one."""
    x0 = 2 * uniform((N, channels, SIDE, SIDE), "contract", "images", index) - 1
    if changed:
        x0[0] = 2 * uniform(x0[0].shape, "contract", "other", index) - 1
    return x0, (uniform((N,), "contract", "labels", index) * CLASSES).long()


def recorded(trainer: Trainer) -> Seen:
    """A list that every round of the trainer is noted in from now on."""
    seen: Seen = []
    whole = trainer.objective.losses

    def losses(model: Any, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        noted: dict[str, Tensor] = {}
        seen.append((draw, delta.detach().clone(), noted))  # before the network meets it
        terms = whole(model, draw, delta, follow)
        noted |= {key: value.detach().clone() for key, value in terms.items()}
        return terms

    trainer.objective.losses = losses  # type: ignore[method-assign]
    return seen


def tried(trainer: Trainer, look: Callable[[Seen], None], channels: int = 1) -> Seen:
    """The rounds of one batch, looked at even where the batch ends in an error, which often follows from them."""
    seen = recorded(trainer)
    try:
        trainer.train_batch(*batch(0, channels))
    finally:
        look(seen)
    return seen


def run(trainer: Trainer, start: int, end: int) -> None:
    """Train on the batches from ``start`` up to ``end``."""
    for index in range(start, end):
        trainer.train_batch(*batch(index))
