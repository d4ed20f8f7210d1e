"""What every objective is; most need only `draw` and `losses`."""

from typing import Any

import torch
from torch import Tensor, nn

from atbench.spec.recipe import Recipe
from atbench.training.draw import Draw


class Objective:
    """Freezes a batch, gives one loss per sample; the rest are hooks that do nothing by themselves."""

    kind: str  # its name in methods.yaml
    network: str  # kind of the network that it trains (atbench.models.weights)
    # A further objective may declare `sampled_as`, the objective whose samplers sample its networks (`noise-prediction`
    # for eps then v), and `passes`, how often it asks other networks on a batch.
    side_passes = 0  # forward passes of other networks since the loop last set it to 0: teacher, target

    def __init__(self, recipe: Recipe):
        """Take what concerns it from a recipe. Keyword-only parameters are its options in methods.yaml."""

    def prepare(self, model: nn.Module, average: nn.Module) -> None:
        """Meet the weights, and their moving average, that a run starts from."""

    def draw(self, x0: Tensor, labels: Tensor | None, names: tuple) -> Draw:
        """Fix everything random or expensive of a batch; every random number by name."""
        raise NotImplementedError

    def losses(self, model: nn.Module, draw: Draw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample terms (N,), ``loss`` among them; differentiable in delta."""
        raise NotImplementedError

    def predict(self, model: nn.Module, draw: Draw, x: Tensor, t: Tensor) -> Tensor:
        """What the network makes of other states x at other times t of a batch: by itself its output, eps then v."""
        return at_least_single(model(x, t, *(() if draw.labels is None else (draw.labels,))))

    def observe(self, t: Tensor, losses: Tensor) -> None:
        """See timesteps and losses (N,) of an update, on the CPU."""

    def after_update(self, model: nn.Module) -> None:
        """Act after an optimizer step."""

    def state(self) -> dict[str, Any]:
        """What a bit-exact continuation needs beyond the model."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""


def at_least_single(output: Tensor) -> Tensor:
    """A network's output in float32, or as it is in float64: losses are never taken in the bfloat16 of autocast."""
    return output.to(torch.promote_types(output.dtype, torch.float32))
