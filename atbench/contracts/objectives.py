"""The contract of an objective: what training, perturbations and samplers rely on."""

from collections.abc import Mapping
from typing import Any

import torch

from atbench.contracts import bench, trained
from atbench.contracts.bench import Seen
from atbench.contracts.finding import Broken, Check, Skipped, identities
from atbench.spec.classes import Declared
from atbench.spec.models.methods import NOISE_PREDICTION
from atbench.spec.models.samplers import KINDS
from atbench.training.loop import Trainer

PLAIN = {"kind": "none"}
ATTACK = {"kind": "adversarial", "inner_steps": 2, "step_rms": 0.05, "radius_rms": 0.1, "follow": False}


class Contract:
    """An objective, tried without a perturbation and under the adversarial one."""

    def __init__(self, found: Declared, given: Mapping[str, Any]):
        self.found, self.options = found, bench.options_of(found, given)

    def checks(self) -> dict[str, Check]:
        """Name -> check."""
        return {
            "shapes": self.shapes,
            "gradients": self.gradients,
            "determinism": lambda: trained.determinism(self.new),
            "batch independence": lambda: trained.independence(self.new, lambda seen: [*seen[0][2].values()]),
            "budget": lambda: trained.budget(self.new, bench.method_of(self.found.kind, PLAIN, self.options)),
            "resume": lambda: trained.resume(self.new),
            "sampling": self.sampling,
            "identity": lambda: identities(self.found.load()),
        }

    def new(self, perturbation: Mapping[str, Any] = PLAIN) -> Trainer:
        """A fresh trainer of this objective."""
        return bench.trainer_of(self.found.kind, perturbation, self.options)

    def shapes(self) -> str:
        """One finite number per image under `loss`, and under every other name."""
        draw, _, terms = bench.tried(self.new(), _shaped)[0]
        if draw.sigma.shape != (bench.N, 1, 1, 1) or draw.weights.shape != (bench.N,):
            raise Broken(f"the draw's sigma is {tuple(draw.sigma.shape)}, its weights {tuple(draw.weights.shape)}")
        return f"{', '.join(terms)}: one finite number per image"

    def gradients(self) -> str:
        """The loss has a gradient in the weights, and in delta, so that an attack moves."""
        trainer = self.new(ATTACK)
        before = [p.detach().clone() for p in trainer.parameters]
        seen = bench.recorded(trainer)
        trainer.train_batch(*bench.batch(0))
        if all(map(torch.equal, before, trainer.parameters)):
            raise Broken("a batch leaves the weights as they were: the loss has no gradient in them")
        if not seen[-1][1].any():
            raise Broken("an attack never moves: the loss has no gradient in delta; add delta to the network's input")
        return "the loss has a gradient in the weights and in delta"

    def sampling(self) -> str:
        """Some sampler samples what it trains."""
        trained_as = self.found.constants.get("sampled_as", self.found.kind)
        if self.found.constants["network"] != "unet":
            raise Skipped(f"trains a {self.found.constants['network']}, which is not sampled")
        samples = {kind: found.constants.get("samples", NOISE_PREDICTION) for kind, found in KINDS.items()}
        fitting = [kind for kind, objective in samples.items() if objective == trained_as]
        if not fitting:
            hint = f'declare `sampled_as: ClassVar[str] = "{NOISE_PREDICTION}"` if the network gives eps then v'
            raise Broken(f"no sampler samples {trained_as}: {hint}")
        return f"by {', '.join(fitting)}"


def _shaped(rounds: Seen) -> None:
    for _, _, terms in rounds:
        if terms and "loss" not in terms:
            raise Broken(f"`losses` gives {', '.join(terms)}, but no `loss`")
        for name, value in terms.items():
            if value.shape != (bench.N,) or not value.isfinite().all():
                raise Broken(f"{name} is {tuple(value.shape)}; one finite number per image: ({bench.N},)")
