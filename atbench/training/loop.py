"""The one training loop: the only place that knows objectives and perturbations both, and the only optimizer step."""

import math

import torch
from torch import Tensor, nn

from atbench.errors import UserError
from atbench.models.ema import averaged
from atbench.models.weights import differences
from atbench.seeds import seed_of
from atbench.training.draw import Draw
from atbench.training.norms import rms
from atbench.training.objectives import make_objective
from atbench.training.perturb import make_perturbation

STUDENT_ONLY = "guidance_proj."  # parameters that a student has beyond its teacher's; they start at zero


class Trainer:
    """A model in training: its moving average, optimizer, objective, perturbation and counters.

    ``config`` is a training slice (see atbench.plan). Four counters, never a bare "iteration": ``batches`` seen,
    parameter ``updates``, ``gradient_evals`` (backward passes) and ``forward_passes``, the cost in units of a network
    evaluation, where a backward pass counts as two and a distillation's teacher and target count too.
    """

    def __init__(self, model: nn.Module, config: dict, device: torch.device):
        self.model = model.to(device).train()
        self.parameters = list(model.parameters())  # walking the modules for them at every update is felt
        self.config, self.device = config, device
        self.objective = make_objective(config)
        self.perturbation = make_perturbation(config["perturbation"])
        self.ema = averaged(self.model, config["ema"])
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config["learning_rate"], weight_decay=config["weight_decay"], fused=True
        )
        self.counts = {"batches": 0, "updates": 0, "gradient_evals": 0, "forward_passes": 0}
        self.objective.prepare(self.model, self.ema.module)

    def train_batch(self, x0: Tensor, labels: Tensor | None) -> dict[str, float]:
        """All inner updates of one batch; x0 (N, C, H, W) in [-1, 1]. Returns what the log shows.

        In free adversarial training one backward pass serves both the parameters and delta; otherwise all but the last
        are of delta alone. Raises TrainingFailure for a loss or gradient that is not finite.
        """
        index = self.counts["batches"]
        names = (*self.config["seed_names"], "train", index)  # of every draw; the same for all methods
        labels = None if labels is None else labels.to(self.device)
        draw = self.objective.draw(x0.to(self.device), labels, names)
        perturbation = self.perturbation
        delta = perturbation.start(draw, names)
        for k in range(perturbation.inner_steps):
            last = k == perturbation.inner_steps - 1
            delta.requires_grad_(not last)  # the last delta moves no more: spare its gradient
            torch.manual_seed(seed_of(*names, "dropout", k))  # dropout knows only the global generator
            terms = self.objective.losses(self.model, draw, delta, perturbation.follow)
            updating = last or perturbation.free
            (draw.weights * terms["loss"]).mean().backward(inputs=None if updating else [delta])
            if updating:
                log = self._update(terms)
                self.objective.observe(draw, terms["loss"].detach())
            self.counts["gradient_evals"] += 1
            self.counts["forward_passes"] += 3 if updating else 2  # for delta alone, half of a backward pass
            if not last:
                delta = perturbation.move(draw, delta.detach(), delta.grad, names)
        self.counts["batches"] += 1
        self.counts["forward_passes"] += self.objective.side_passes
        return log | self._delta_log(draw, delta.detach())

    def _update(self, terms: dict[str, Tensor]) -> dict[str, float]:
        """One optimizer step, one step of the moving average; returns the means of the loss terms."""
        norm = nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None]).item()
        log = {name: term.mean().item() for name, term in terms.items()} | {"grad_norm": norm}
        if not all(map(math.isfinite, log.values())):
            raise TrainingFailure(self.counts | log)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.ema.update_parameters(self.model)
        self.objective.after_update(self.model)
        self.counts["updates"] += 1
        return log

    def _delta_log(self, draw: Draw, delta: Tensor) -> dict[str, float]:
        """Size of the last delta, and how often the ball held it: a radius that never acts must be seen."""
        shown = {"delta_rms": rms(delta).mean().item()}
        if hasattr(self.perturbation, "at_radius"):
            shown["at_radius"] = self.perturbation.at_radius(draw, delta)
        return shown

    def state(self) -> dict:
        """Everything that a bit-exact continuation needs."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.module.state_dict(),
            "ema_updates": int(self.ema.n_averaged),
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state(),
            "objective_name": self.config["objective"],
            "counts": dict(self.counts),
        }

    def start_from(self, state: dict, same_objective: bool) -> None:
        """Start from another run's weights and moving average; optimizer, counters and histories stay fresh.

        Under another objective the weights move far away at once: the average then begins with the first update.
        """
        for module, weights in ((self.model, state["model"]), (self.ema.module, state["ema"])):
            if fault := differences(module.state_dict(), weights, optional=STUDENT_ONLY):
                raise UserError(f"the weights to start from are of another network: {fault}")
            module.load_state_dict(weights, strict=False)
        self.ema.n_averaged.fill_(state["ema_updates"] if same_objective else 0)
        self.objective.prepare(self.model, self.ema.module)

    def load(self, state: dict) -> None:
        """Continue exactly where ``state`` was taken."""
        self.model.load_state_dict(state["model"])
        self.ema.module.load_state_dict(state["ema"])
        self.ema.n_averaged.fill_(state["ema_updates"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective.load(state["objective"])
        self.counts = dict(state["counts"])


class TrainingFailure(UserError):
    """A loss or gradient that is not finite; ``values`` holds the counters and terms of that update."""

    def __init__(self, values: dict):
        self.values = values
        terms = ", ".join(f"{k} {v:g}" for k, v in values.items() if k not in ("updates", "gradient_evals"))
        super().__init__(f"training stopped at batch {values['batches']}: a value is not finite ({terms})")
