"""The one training loop: the only place that knows objectives and perturbations both, and the only optimizer step."""

import math

import torch
from torch import Tensor, nn

from atbench.errors import UserError
from atbench.models.ema import averaged
from atbench.seeds import seed_of
from atbench.training.objectives import make_objective
from atbench.training.perturb import make_perturbation, rms


class Trainer:
    """A model in training: its moving average, optimizer, objective, perturbation and counters.

    ``config`` is a training slice (see atbench.plan). Three counters, never a bare "iteration": ``batches`` seen,
    parameter ``updates``, and ``gradient_evals`` (backward passes).
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
        self.counts = {"batches": 0, "updates": 0, "gradient_evals": 0}

    def train_batch(self, x0: Tensor, labels: Tensor | None) -> dict[str, float]:
        """All inner updates of one batch; x0 (N, C, H, W) in [-1, 1]. Returns what the log shows.

        One backward pass serves both the parameters and delta. Raises TrainingFailure for a loss or gradient that is
        not finite.
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
            (draw.weights * terms["loss"]).mean().backward()
            log = self._update(terms)
            self.objective.observe(draw, terms["loss"].detach())
            if not last:
                delta = perturbation.move(delta.detach(), delta.grad)
        self.counts["batches"] += 1
        return log | self._delta_log(delta)

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
        self.counts["gradient_evals"] += 1
        return log

    def _delta_log(self, delta: Tensor) -> dict[str, float]:
        """Size of the last delta, and how often the ball held it: a radius that never acts must be seen."""
        shown = {"delta_rms": rms(delta.detach()).mean().item()}
        if hasattr(self.perturbation, "at_radius"):
            shown["at_radius"] = self.perturbation.at_radius(delta.detach())
        return shown

    def state(self) -> dict:
        """Everything that a bit-exact continuation needs."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.module.state_dict(),
            "ema_updates": int(self.ema.n_averaged),
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state(),
            "counts": dict(self.counts),
        }

    def load_weights(self, state: dict) -> None:
        """Start from another run's weights and moving average; optimizer, counters and histories stay fresh."""
        self.model.load_state_dict(state["model"])
        self.ema.module.load_state_dict(state["ema"])
        self.ema.n_averaged.fill_(state["ema_updates"])

    def load(self, state: dict) -> None:
        """Continue exactly where ``state`` was taken."""
        self.load_weights(state)
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective.load(state["objective"])
        self.counts = dict(state["counts"])


class TrainingFailure(UserError):
    """A loss or gradient that is not finite; ``values`` holds the counters and terms of that update."""

    def __init__(self, values: dict):
        self.values = values
        terms = ", ".join(f"{k} {v:g}" for k, v in values.items() if k not in ("updates", "gradient_evals"))
        super().__init__(f"training stopped at batch {values['batches']}: a value is not finite ({terms})")
