"""The contract of a perturbation: what training relies on."""

from collections.abc import Mapping
from typing import Any

import torch

from atbench.contracts import bench, trained
from atbench.contracts.bench import Seen
from atbench.contracts.finding import Broken, Check, identities
from atbench.spec.classes import Declared
from atbench.spec.models.methods import NOISE_PREDICTION
from atbench.training.loop import Trainer
from atbench.training.norms import rms


class Contract:
    """A perturbation, tried in noise prediction."""

    def __init__(self, found: Declared, given: Mapping[str, Any]):
        self.found, self.block = found, {"kind": found.kind, **bench.options_of(found, given)}

    def checks(self) -> dict[str, Check]:
        """Name -> check."""
        return {
            "shapes": self.shapes,
            "gradients": self.gradients,
            "determinism": lambda: trained.determinism(self.new),
            "batch independence": lambda: trained.independence(
                self.new, lambda seen: [delta for _, delta, _ in seen[:2]]
            ),
            "budget": lambda: trained.budget(self.new, bench.method_of(NOISE_PREDICTION, self.block, {})),
            "resume": lambda: trained.resume(self.new),
            "identity": lambda: identities(self.found.load()),
        }

    def new(self, channels: int = 1) -> Trainer:
        """A fresh trainer under this perturbation."""
        return bench.trainer_of(NOISE_PREDICTION, self.block, {}, channels)

    def shapes(self) -> str:
        """delta has the shape and type of the state, is finite, and is somewhere not zero unless it is meant to be."""
        rounds = [each for channels in (1, 3) for each in bench.tried(self.new(channels), _shaped, channels)]
        size = max(rms(delta).max().item() for _, delta, _ in rounds)
        if not size and not self.found.constants.get("plain", False):
            raise Broken("delta is zero everywhere: this is plain training")
        return f"delta has the shape of the state, {len(rounds) // 2} round(s), RMS up to {size:.3g}"

    def gradients(self) -> str:
        """delta hangs on no graph, a zero gradient gives no NaN, and asking the network leaves no gradient there."""
        trainer = self.new()
        before = [p.detach().clone() for p in trainer.parameters]
        seen = bench.recorded(trainer)
        trainer.train_batch(*bench.batch(0))
        if not all(p.isfinite().all() for p in trainer.parameters):
            raise Broken("weights are not finite after a batch")
        if all(map(torch.equal, before, trainer.parameters)):
            raise Broken("a batch leaves the weights as they were")
        draw, names = seen[0][0], ("contract", "again")
        delta = trainer.perturbation.start(draw, names)
        if delta.requires_grad:
            raise Broken("delta of `start` hangs on a graph: detach it")
        if not trainer.perturbation.move(draw, delta, torch.zeros_like(delta), names).isfinite().all():
            raise Broken("`move` is not finite where the gradient is zero, as that of a fresh network is")
        return "delta is a leaf, a zero gradient gives no NaN"


def _shaped(rounds: Seen) -> None:
    for draw, delta, _ in rounds:
        if delta.shape != draw.state.shape or delta.dtype != draw.state.dtype:
            wanted = f"{tuple(draw.state.shape)} {draw.state.dtype}"
            raise Broken(f"delta is {tuple(delta.shape)} {delta.dtype}, the state {wanted}")
        if not delta.isfinite().all():
            raise Broken("delta is not finite")
