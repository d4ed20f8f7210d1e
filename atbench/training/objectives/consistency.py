"""Consistency distillation: f gives the same x0 at both ends of one step of the teacher's ODE (Song et al. 2023)."""

import copy
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from atbench.data.conditions import condition
from atbench.diffusion.consistency import Network, make_consistency
from atbench.rng import gaussian, seed_of, uniform
from atbench.spec.recipe import Recipe
from atbench.training.distances import make_distance
from atbench.training.draw import Draw
from atbench.training.objectives.base import Objective, at_least_single


class Given(NamedTuple):
    """What a network is conditioned on besides x and t."""

    labels: Tensor | None  # (N,) classes, (N, L) caption tokens or (N, L, D) caption embeddings
    guidance: Tensor | None  # (N,) weight of the guidance that a student folds in


@dataclass(frozen=True)
class ConsistencyDraw(Draw):
    """A batch with its teacher's work; ``t`` holds levels of the grid."""

    guidance: Tensor | None  # (N,)
    solved: Tensor  # (N, C, H, W) the teacher's step from the unperturbed state
    target: Tensor  # (N, C, H, W) the target network's x0 there
    mask: int  # seed of the dropout mask that student and target share

    @property
    def given(self) -> Given:
        return Given(self.labels, self.guidance)


class Consistency(Objective):
    """L = distance(f(x + delta, n), stopgrad f_target(Phi(x), n + 1)), Phi one solver step of the frozen teacher.

    Where delta acts is a reasoned reconstruction, since the paper's code for consistency models is not public:
      A  default                on the student's input; the endpoint stays. One teacher step per batch whatever K
      B  delta_on: solution     on Phi(x): worst-case labels, the student's input never shifts
      C  follow: true           on the input, and the endpoint is solved anew from there
    The teacher is the average of the run under ``init``, the target an average of the student that moves at every
    update; its output serves all inner updates of a batch. Source: Song et al. 2023, algorithm 2.

    With ``guidance: [low, high]`` the teacher is guided by a weight w ~ U[low, high] towards its caption, eps =
    eps_c + w (eps_c - eps_empty), and the student takes w as an input (latent consistency models, Luo et al. 2023).
    """

    kind = "consistency"
    network = "unet"

    def __init__(
        self,
        recipe: Recipe,
        *,
        delta_on: Literal[
            "input", "solution"
        ] = "input",  # where delta acts: the student's input, the teacher's solution
    ):
        settings = recipe.training.distillation
        self.function = make_consistency(settings.grid)
        self.distance = make_distance(settings.distance)
        self.target_decay = settings.target_decay  # per update; 0 makes the target the student itself
        self.guidance = settings.guidance
        self.on_solution = delta_on == "solution"
        self.conditional = recipe.conditional

    def prepare(self, model: nn.Module, average: nn.Module) -> None:
        """Freeze copies of what a run starts from: its average as the teacher, its weights as the target."""
        self.teacher = copy.deepcopy(average).requires_grad_(False).eval()
        self.teacher.guided = False  # guidance is done to it, not told
        self.target = copy.deepcopy(model).requires_grad_(False)

    def draw(self, x0: Tensor, labels: Tensor | None, names: tuple) -> ConsistencyDraw:
        """Draw levels, noise and guidance by name, and do the teacher's and the target's work."""
        level = (uniform((len(x0),), *names, "t") * (self.function.levels - 1)).long().to(x0.device)
        eps = gaussian(x0.shape, *names, "eps").to(x0)
        state = self.function.noised(x0, level, eps)
        given = Given(condition(self.conditional, labels, names), self._guidance(len(x0), names, x0.device))
        mask = seed_of(*names, "dropout")
        solved = self._solved(state, level, given)
        target = self._target(solved, level, given, mask)
        sigma, weights = self.function.noise_level(level, x0), torch.ones_like(level, dtype=x0.dtype)
        return ConsistencyDraw(
            x0, state, sigma, weights, given.labels, level, eps, given.guidance, solved, target, mask
        )

    def predict(self, model: nn.Module, draw: ConsistencyDraw, x: Tensor, t: Tensor) -> Tensor:
        """x0 (N, C, H, W) at levels t of the grid."""
        return self.function.f(network_of(model, draw.given), x, t)

    def losses(self, model: nn.Module, draw: ConsistencyDraw, delta: Tensor, follow: bool) -> dict[str, Tensor]:
        """Per-sample distance (N,), differentiable in delta."""
        state, target = draw.state + delta, draw.target
        if self.on_solution:
            state, target = draw.state, self._target(draw.solved + delta, draw.t, draw.given, draw.mask)
        elif follow and delta.any():  # at the first, zero delta the batch's own target holds
            solved = self._solved(state.detach(), draw.t, draw.given)
            target = self._target(solved, draw.t, draw.given, draw.mask)
        torch.manual_seed(draw.mask)
        estimate = self.function.f(network_of(model, draw.given), state, draw.t)
        return {"loss": self.distance(estimate, target)}

    @torch.no_grad()
    def after_update(self, model: nn.Module) -> None:
        """Move the target towards the student."""
        torch._foreach_lerp_(list(self.target.parameters()), list(model.parameters()), 1 - self.target_decay)

    def state(self) -> dict:
        return {"teacher": self.teacher.state_dict(), "target": self.target.state_dict()}

    def load(self, state: dict) -> None:
        self.teacher.load_state_dict(state["teacher"])
        self.target.load_state_dict(state["target"])

    def _guidance(self, count: int, names: tuple, device: torch.device) -> Tensor | None:
        if self.guidance is None:
            return None
        low, high = self.guidance
        return (low + (high - low) * uniform((count,), *names, "guidance")).to(device)

    @torch.no_grad()
    def _solved(self, state: Tensor, level: Tensor, given: Given) -> Tensor:
        self.side_passes += self.function.teacher_calls * (1 if given.guidance is None else 2)
        return self.function.solve(guided_network(self.teacher, given), state, level)

    def _target(self, solved: Tensor, level: Tensor, given: Given, mask: int) -> Tensor:
        self.side_passes += 3 if solved.requires_grad else 1  # there, and back to delta
        torch.manual_seed(mask)
        return self.function.f(network_of(self.target, given), solved, level + 1)


def network_of(model: nn.Module, given: Given) -> Network:
    """The model as a function of x and t alone."""
    return lambda x, t: at_least_single(model(x, t, *(value for value in given if value is not None)))


def guided_network(model: nn.Module, given: Given) -> Network:
    """eps_c + w (eps_c - eps_empty); without a guidance weight the model itself."""
    towards = network_of(model, Given(given.labels, None))
    if given.guidance is None:
        return towards
    away = network_of(model, Given(model.empty(len(given.labels)).to(given.labels), None))
    w = given.guidance.reshape(-1, 1, 1, 1)
    return lambda x, t: (1 + w) * towards(x, t) - w * away(x, t)
