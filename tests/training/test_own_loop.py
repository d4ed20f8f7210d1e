"""A training loop written apart from the product's, in float64: both end at the same weights and average, to 1e-12.

Optimizer, average, losses, attack, ball and the rivals' predictions are written out here (the losses in
`published_rules`). Shared are the network and the named random numbers, which say what a draw is for.
"""

import copy
from dataclasses import dataclass, field

import published_rules as published
import pytest
import torch
from tiny import CPU, batch, settings
from torch import nn

from atbench.rng import gaussian, seed_of, uniform
from atbench.training.loop import Trainer

BATCHES, RATE, DECAY = 3, 2e-3, 0.9
AT = {"kind": "adversarial", "inner_steps": 3, "step_rms": 0.05, "radius_rms": 0.5, "follow": True}
ORIGINAL = {"variance_at": "clean"}
METHODS = {  # name -> perturbation, options of the objective, the published rule of the target
    "none": ({"kind": "none"}, {}, published.DETACHED),
    "replay": ({"kind": "replay", "inner_steps": 3}, {}, published.DETACHED),
    "gaussian": ({"kind": "gaussian", "gamma": 0.1}, {}, published.INPUT_PERTURBATION),
    "adversarial": (AT, {}, published.DETACHED),
    "adversarial, held": (AT | {"radius_rms": 0.06}, {}, published.DETACHED),
    "adversarial, whole gradient": (AT, {"target_gradient": True}, published.ATTACHED),
    "adversarial, original": (AT | {"follow": False}, ORIGINAL, published.ORIGINAL),
    "random": (AT | {"direction": "random"}, {}, published.DETACHED),
    "dream": ({"kind": "dream", "power": 1.0}, {}, published.DETACHED),
    "scheduled-sampling": (
        {"kind": "scheduled-sampling", "steps": 2, "share": 0.7, "above": 50, "clip": False},
        {},
        published.DETACHED,
    ),
}


class Network(nn.Module):
    """Two convolutions with dropout between them, the time as a channel of its own: eps, then v."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(2, 6, 3, padding=1), nn.Conv2d(6, 2, 3, padding=1)
        self.dropout = nn.Dropout(0.2)

    def forward(self, x, t, labels=None):
        time = (t.to(x) / published.T).reshape(-1, 1, 1, 1).expand_as(x)
        return self.last(self.dropout(torch.tanh(self.first(torch.cat([x, time], 1)))))


def network():
    torch.manual_seed(0)
    return Network().double()


def images(index):
    return batch(index)[0].double()


@dataclass
class OwnLoop:
    """AdamW without decay, an average of fixed decay, and K rounds of free adversarial training on a batch."""

    model: Network
    perturbation: dict
    rule: str
    updates: int = 0
    moments: list = field(default_factory=list)

    def __post_init__(self):
        self.average = copy.deepcopy(self.model)
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.model.parameters()]

    def train_batch(self, x0, names):
        t = (uniform((len(x0),), *names, "t") * published.T).long()
        eps = gaussian(x0.shape, *names, "eps").double()
        delta = self.begun(x0, t, eps, names)
        for k in range(self.perturbation.get("inner_steps", 1)):
            delta = delta.detach().requires_grad_()
            torch.manual_seed(seed_of(*names, "dropout", k))
            mse, vb = published.terms(self.model, x0, t, eps, delta, self.rule)
            parameters = list(self.model.parameters())
            *gradients, ascent = torch.autograd.grad((mse + vb).mean(), [*parameters, delta])
            if self.perturbation["kind"] == "adversarial":
                delta = self.moved(delta.detach(), ascent, names)
            self.update(parameters, gradients)

    def begun(self, x0, t, eps, names):
        kind, x_t = self.perturbation["kind"], published.noised(x0, t, eps)
        if kind == "gaussian":
            return self.perturbation["gamma"] * published.sigma(t) * gaussian(x0.shape, *names, "perturbation").double()
        if kind == "dream":
            error = eps - self.predicted(x_t, t)
            return published.sigma(t) ** (1 + self.perturbation["power"]) * error
        if kind == "scheduled-sampling":
            return self.own_steps(x0, t, eps, names) - x_t
        return torch.zeros_like(x0)

    def predicted(self, x, t):
        self.model.eval()
        with torch.no_grad():
            eps_hat = self.model(x, t)[:, :1]
        self.model.train()
        return eps_hat

    def own_steps(self, x0, t, eps, names):
        """What the network leaves at t, sample by sample."""
        steps, chosen = self.perturbation["steps"], uniform((len(x0),), *names, "own steps")
        fresh = {m: gaussian(x0.shape, *names, "own steps", m).double() for m in range(1, steps + 1)}
        rows = []
        for i in range(len(x0)):
            clean, time, acts = x0[i : i + 1], t[i : i + 1], chosen[i] < self.perturbation["share"]
            if not acts or time <= self.perturbation["above"] or time + steps >= published.T:
                rows.append(published.noised(clean, time, eps[i : i + 1]))
                continue
            x = published.noised(clean, time + steps, fresh[steps][i : i + 1])
            for s in range(steps):
                now = time + steps - s
                x0_hat = (x - published.sigma(now) * self.predicted(x, now)) / published.at(published.ABAR, now).sqrt()
                noise = eps if s == steps - 1 else fresh[steps - s - 1]
                x = published.noised(x0_hat, now - 1, noise[i : i + 1])
            rows.append(x)
        return torch.cat(rows)

    def moved(self, delta, ascent, names):
        """One step of fixed length in the l2 norm, then back into the ball."""
        direction, d = ascent, delta[0].numel()
        if self.perturbation.get("direction") == "random":
            direction = gaussian(delta.shape, *names, "direction").double()
        length = direction.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
        moved = delta + self.perturbation["step_rms"] * d**0.5 * direction / length
        radius, size = self.perturbation["radius_rms"] * d**0.5, moved.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1)
        return torch.where(size > radius, moved * radius / size, moved)

    def update(self, parameters, gradients):
        self.updates += 1
        for parameter, gradient, (mean, square) in zip(parameters, gradients, self.moments):
            mean.mul_(0.9).add_(0.1 * gradient)
            square.mul_(0.999).add_(0.001 * gradient**2)
            unbiased = mean / (1 - 0.9**self.updates), square / (1 - 0.999**self.updates)
            parameter.data -= RATE * unbiased[0] / (unbiased[1].sqrt() + 1e-8)
        share = 1 if self.updates == 1 else 1 - DECAY
        for average, parameter in zip(self.average.parameters(), parameters):
            average.data += share * (parameter.data - average.data)


def trained(name):
    """The product's trainer and the loop of this page, after the same batches."""
    perturbation, options, rule = METHODS[name]
    recipe = settings(perturbation=perturbation, learning_rate=RATE, ema={"decay": DECAY}, **options)
    trainer, loop = Trainer(network(), recipe, CPU), OwnLoop(network(), perturbation, rule)
    for index in range(BATCHES):
        trainer.train_batch(images(index), None)
        loop.train_batch(images(index), (*recipe.seed_names, "train", index))
    return trainer, loop


def apart(ours, theirs):
    return max((a - b).abs().max().item() for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize("name", METHODS)
def test_both_loops_end_at_the_same_weights_and_average(name):
    trainer, loop = trained(name)
    assert trainer.counts["updates"] == loop.updates == BATCHES * METHODS[name][0].get("inner_steps", 1)
    assert all(parameter.dtype == torch.float64 for parameter in trainer.parameters)
    assert apart(trainer.model, loop.model) < 1e-12 and apart(trainer.ema.module, loop.average) < 1e-12
    assert apart(trainer.model, network()) > RATE  # they have trained


def test_every_two_of_the_methods_end_elsewhere():
    """So that agreeing says something: a loop that forgot delta, or a rule, would be found out."""
    models = [trained(name)[0].model for name in METHODS]
    distances = [apart(a, b) for place, a in enumerate(models) for b in models[:place]]
    assert min(distances) > 1e-6
