"""What training costs by arithmetic: batches, updates, and forward passes of the network."""

from collections.abc import Mapping
from dataclasses import dataclass

from atbench.spec.models.methods import Method, PassesOf
from atbench.spec.models.training import Distillation

PASSES_PER_UPDATE = 3  # forward passes: one forward, and a backward pass that counts as two
EQUAL_PASSES = 0.01  # how far apart, as a share, passes may lie and still be called equal: batches are whole
TEACHER_CALLS = {"vp": 1, "ve": 2}  # network evaluations of one solver step: DDIM, Heun


@dataclass(frozen=True)
class Budget:
    """What a run was trained with: ``batches`` of images seen, ``updates`` of the parameters, and ``passes``.

    A pass is a forward pass of the network for a batch; a backward pass counts as two, teacher and target count too.
    It is shown where it does not follow from the updates: in distillation, and where rounds only move delta.
    """

    batches: int
    updates: int
    passes: int

    @property
    def follows_from_updates(self) -> bool:
        return self.passes == PASSES_PER_UPDATE * self.updates

    def __str__(self) -> str:
        text = f"{self.batches:,} batches / {self.updates:,} updates"
        return text if self.follows_from_updates else f"{text} / {self.passes:,} passes"

    def spent(self, kind: str) -> int:
        """Batches, updates, or cost in forward passes."""
        return {"batches": self.batches, "updates": self.updates, "cost": self.passes}[kind]

    def against(self, other: "Budget") -> str:
        """In words, what two runs have in common."""
        same = [name for name in ("batches", "updates") if getattr(self, name) == getattr(other, name)]
        follow = self.follows_from_updates and other.follows_from_updates  # then equal updates say it
        if not follow and self._equal_passes(other):
            same.append("passes")
        return f"equal {' and '.join(same)}" if same else "unequal budgets"

    def level_with(self, other: "Budget") -> bool:
        """Whether the better of two runs has won at equal budgets: as many updates, or as many forward passes."""
        return self.updates == other.updates or self._equal_passes(other)

    def _equal_passes(self, other: "Budget") -> bool:
        return abs(self.passes - other.passes) <= EQUAL_PASSES * other.passes


def batches(unit: int, method: Method, methods: Mapping[str, Method], distillation: Distillation | None) -> int:
    """Batches that a method trains on, those of the run that it continues included; ``unit`` is the suite's."""
    if isinstance(method.budget, PassesOf):  # as many as cost what another method's cost
        costs = [passes_per_batch(each, distillation) for each in (methods[method.budget.passes_of], method)]
        return round(unit * costs[0] / costs[1])
    return unit * method.budget


def updates_per_batch(method: Method) -> int:
    """Optimizer steps that a method takes on a batch: free adversarial training one in every round, PGD in the last."""
    return method.inner_steps if method.free else 1


def passes_per_batch(method: Method, distillation: Distillation | None) -> int:
    """Cost of a training batch in forward passes of the network; a backward pass counts as two.

    The student's 3 for each update, 2 for a round that only moves delta; and in distillation the teacher's step and the
    target: once a batch where delta moves the student's input alone, once a round where the target follows it (protocol
    section 8). What a perturbation or an objective asks of the network besides, its class declares by ``passes``.
    """
    rounds, updates = method.inner_steps, updates_per_batch(method)
    student = PASSES_PER_UPDATE * updates + (PASSES_PER_UPDATE - 1) * (rounds - updates) + method.further_passes
    if distillation is None:
        return student
    guided = 1 if distillation.guidance is None else 2
    teacher = TEACHER_CALLS[distillation.grid.parametrisation] * guided + 1
    if method.solves_anew:  # the target there and back, but for the last delta
        return student + teacher + 3 * (rounds - 1) + 1
    return student + teacher * (rounds if method.follows else 1)
