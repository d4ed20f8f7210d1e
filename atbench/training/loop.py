"""The one training loop: the only place that knows objectives and perturbations both. `steps.py` moves the weights."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from atbench.models.ema import MovingAverage
from atbench.models.weights import compiled, differences
from atbench.rng import seed_of
from atbench.runtime import processes
from atbench.runtime.errors import UserError
from atbench.spec.recipe import Recipe
from atbench.training.draw import Draw
from atbench.training.norms import rms
from atbench.training.objectives import make_objective
from atbench.training.objectives.base import at_least_single
from atbench.training.perturbations import make_perturbation
from atbench.training.steps import Steps

STUDENT_ONLY = "guidance_proj."  # parameters that a student has beyond its teacher's; they start at zero


@dataclass
class Part:
    """A micro-batch: what goes through the network at once."""

    names: tuple  # behind its random draws
    draw: Draw
    delta: Tensor  # (n, C, H, W)
    terms: dict[str, Tensor] | None = None  # (n,) each, of the latest inner update
    output: Tensor | None = None  # of the network there, where delta moves afterwards


class Trainer:
    """A model in training: its moving average, optimizer, objective, perturbation and counters.

    Four counters, never a bare "iteration": ``batches`` seen,
    parameter ``updates``, ``gradient_evals`` (backward passes) and ``forward_passes``, the cost in units of a network
    evaluation, where a backward pass counts as two and a distillation's teacher and target count too.
    """

    def __init__(self, model: nn.Module, recipe: Recipe, device: torch.device):
        self.model = model.to(device).train()
        self.parameters = list(model.parameters())  # walking the modules for them at every update is felt
        self.recipe, self.device = recipe, device
        self.objective = make_objective(recipe)
        self.perturbation = make_perturbation(recipe.perturbation)
        self.network = DistributedDataParallel(self.model) if processes.count() > 1 else self.model  # what is called
        self.ema = MovingAverage(self.model, recipe.training.ema)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=recipe.learning_rate, weight_decay=recipe.training.weight_decay, fused=True
        )
        self.steps = Steps(self.optimizer, self.parameters)
        self.counts = {"batches": 0, "updates": 0, "gradient_evals": 0, "forward_passes": 0}
        self.asked = 0  # forward passes that the perturbation has asked for since the batch began
        self._prepare()

    def train_batch(self, x0: Tensor, labels: Tensor | None) -> dict[str, float]:
        """All inner updates of one batch; x0 (N, C, H, W) in [-1, 1]. Returns what the log shows.

        In free adversarial training one backward pass serves both the parameters and delta; otherwise all but the last
        are of delta alone. x0 and labels may be anything with a tensor's length, `chunk` and `to`: rows still to be
        encoded are. Raises TrainingFailure for a loss or gradient that is not finite.
        """
        perturbation = self.perturbation
        parts = self._parts(x0, labels)
        for k in range(perturbation.inner_steps):
            last = k == perturbation.inner_steps - 1
            updating = last or perturbation.free
            for place, part in enumerate(parts):
                updates = updating and place == len(parts) - 1
                part.delta.requires_grad_(not last)  # the last delta moves no more: spare its gradient
                torch.manual_seed(seed_of(*part.names, "dropout", k))  # dropout knows only the global generator
                with self._gradients_stay(not updates):
                    part.terms = self._losses(part, remember=not last)
                    loss = (part.draw.weights * part.terms["loss"]).mean() / len(parts)
                    with self.steps if updates else nullcontext():
                        loss.backward(inputs=None if updating else [part.delta])
            if updating:
                log = self._update(parts)
            self.counts["gradient_evals"] += 1
            self.counts["forward_passes"] += 3 if updating else 2  # for delta alone, half of a backward pass
            for part in () if last else parts:
                seen = replace(part.draw, previous=part.output)
                part.delta = perturbation.move(seen, part.delta.detach(), part.delta.grad, part.names)
        self.counts["batches"] += 1
        self.counts["forward_passes"] += (self.objective.side_passes + self.asked) // len(parts)
        return log

    def _parts(self, x0: Tensor, labels: Tensor | None) -> list["Part"]:
        """This process's micro-batches, drawn; their number, not that of the processes, decides every random number."""
        names = (*self.recipe.seed_names, "train", self.counts["batches"])  # of every draw; the same for all methods
        total = self.recipe.training.micro_batches
        if len(x0) % total or total % processes.count():
            raise UserError(
                f"training.micro_batches: {total} must divide the batch of {len(x0)} "
                f"and be a multiple of the number of processes, {processes.count()}"
            )
        self.objective.side_passes = self.asked = 0
        parts = []
        for place in processes.share(range(total)):
            own = names if total == 1 else (*names, "part", place)
            images = x0.chunk(total)[place].to(self.device)
            conditions = None if labels is None else labels.chunk(total)[place].to(self.device)
            with self._precision():
                draw = self.objective.draw(images, conditions, own)
            draw = replace(draw, predict=self._asking(draw))
            parts.append(Part(own, draw, self.perturbation.start(draw, own)))
        return parts

    def _losses(self, part: "Part", remember: bool) -> dict[str, Tensor]:
        """The terms of a part. ``remember``: the perturbation, which moves next, sees the network's output."""
        heard: list[Tensor] = []
        hook = self.model.register_forward_hook(lambda _, __, output: heard.append(output)) if remember else None
        with self._precision():
            terms = self.objective.losses(self.network, part.draw, part.delta, self.perturbation.follow)
        if hook:
            hook.remove()
            outputs = [at_least_single(output.detach()) for output in heard[-1:] if isinstance(output, Tensor)]
            part.output = outputs[0] if outputs else None
        return terms

    def _asking(self, draw: Draw) -> Callable[[Tensor, Tensor], Tensor]:
        """What a perturbation asks the network by: its prediction now, counted, as sampling would have it."""

        def predict(x: Tensor, t: Tensor) -> Tensor:
            self.asked += 1
            self.model.eval()  # no dropout, which would draw from the global generator
            try:
                with torch.no_grad(), self._precision():
                    return at_least_single(self.objective.predict(self.model, draw, x, t))
            finally:
                self.model.train()

        return predict

    def _precision(self) -> AbstractContextManager:
        """Matrix products and convolutions in bfloat16 where a scale asks for it; weights and losses are float32."""
        half = self.recipe.training.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()

    def _gradients_stay(self, stay: bool) -> AbstractContextManager:
        """Gradients are exchanged between processes once per update, with the last backward pass before it."""
        return self.network.no_sync() if stay and processes.count() > 1 else nullcontext()

    def _update(self, parts: list["Part"]) -> dict[str, float]:
        """One optimizer step, one step of the moving average; returns the means of what the log shows."""
        norm = self.steps.norm()
        seen = processes.gather([self._seen(part) for part in parts])
        log = {name: torch.cat([part[name] for part in seen]).mean().item() for name in seen[0] if name != "t"}
        log["grad_norm"] = norm
        if not all(map(math.isfinite, log.values())):
            raise TrainingFailure(self.counts | log)
        self.steps.finish()
        self.ema.update()
        self.objective.after_update(self.model)
        t, losses = (torch.cat([part[name] for part in seen]) for name in ("t", "loss"))
        self.objective.observe(t, losses)
        self.perturbation.observe(t, losses)
        self.counts["updates"] += 1
        return log

    def _seen(self, part: "Part") -> dict[str, Tensor]:
        """Per sample of a part: loss terms, timestep, size of delta and whether the ball held it.

        A radius that never acts must be seen.
        """
        delta = part.delta.detach()
        shown = {"t": part.draw.t, "delta_rms": rms(delta).flatten()}
        if hasattr(self.perturbation, "at_radius"):
            shown["at_radius"] = self.perturbation.at_radius(part.draw, delta)
        return {name: value.detach().cpu() for name, value in (part.terms | shown).items()}

    def state(self) -> dict:
        """Everything that a bit-exact continuation needs."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.module.state_dict(),
            "ema_updates": self.ema.updates,
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state(),
            "objective_name": self.recipe.objective,
            "counts": dict(self.counts),
            **self._kept(),
        }

    def _kept(self) -> dict:
        """What the perturbation keeps between batches. Raises UserError where several processes each keep their own."""
        kept = self.perturbation.state()
        if kept and processes.count() > 1:
            kind = self.perturbation.kind
            raise UserError(f"perturbation {kind}: keeps a state between batches, so it trains in one process")
        return {"perturbation": {"kind": self.perturbation.kind, "state": kept}} if kept else {}

    def start_from(self, state: dict, same_objective: bool) -> None:
        """Start from another run's weights and moving average; optimizer, counters and histories stay fresh.

        Under another objective the weights move far away at once: the average then begins with the first update.
        """
        for module, weights in ((self.model, state["model"]), (self.ema.module, state["ema"])):
            if fault := differences(module.state_dict(), weights, optional=STUDENT_ONLY):
                raise UserError(f"the weights to start from are of another network: {fault}")
            module.load_state_dict(weights, strict=False)
        self.ema.updates = state["ema_updates"] if same_objective else 0
        self._prepare()

    def _prepare(self) -> None:
        """Have the objective copy what it freezes, then compile the network: a copy would call the original."""
        vars(self.model).pop("forward", None)
        self.objective.prepare(self.model, self.ema.module)
        if self.recipe.training.compiled:
            compiled(self.model)

    def load(self, state: dict) -> None:
        """Continue exactly where ``state`` was taken."""
        self.model.load_state_dict(state["model"])
        self.ema.module.load_state_dict(state["ema"])
        self.ema.updates = state["ema_updates"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective.load(state["objective"])
        if (kept := state.get("perturbation")) and kept["kind"] == self.perturbation.kind:
            self.perturbation.load(kept["state"])
        self.counts = dict(state["counts"])


def held_bytes(state: object) -> int:
    """Bytes of all tensors of a training state: weights, averages, optimizer, teacher and target."""
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return sum(map(held_bytes, inner))


class TrainingFailure(UserError):
    """A loss or gradient that is not finite; ``values`` holds the counters and terms of that update."""

    def __init__(self, values: dict):
        self.values = values
        terms = ", ".join(f"{k} {v:g}" for k, v in values.items() if k not in ("updates", "gradient_evals"))
        super().__init__(f"training stopped at batch {values['batches']}: a value is not finite ({terms})")
