"""What every perturbation is; most need only `start`."""

from typing import Any, ClassVar

from torch import Tensor

from atbench.training.draw import Draw


class Perturbation:
    """How delta starts and moves on a batch; the rest are hooks that do nothing by themselves.

    Its ``kind`` is its name in methods.yaml, its fields are its constants there; what it keeps between batches lies in
    fields whose names begin with `_`. It may ask the network (`Draw.predict`) and declares by ``passes`` how often it
    does so on a batch: a number, or the name of the option that says so. Where it needs what not every network gives,
    it declares by ``perturbs`` the objective whose networks it is for, as `sampled_as` of an objective names it.
    """

    kind: str
    inner_steps: int  # rounds of the network on one batch
    follow: bool  # whether the target moves with delta
    free: bool  # whether the parameters are updated in every round, or in the last alone
    plain: ClassVar[bool] = False  # whether delta is zero, and meant to be

    def start(self, draw: Draw, names: tuple) -> Tensor:
        """delta (N, C, H, W) of the first round; random numbers by ``names`` alone."""
        raise NotImplementedError

    def move(self, draw: Draw, delta: Tensor, gradient: Tensor, names: tuple) -> Tensor:
        """delta of the next round, from the gradient of the loss in the last one's."""
        return delta

    def observe(self, t: Tensor, losses: Tensor) -> None:
        """See timesteps and losses (N,) of an update, of all processes, on the CPU."""

    def state(self) -> dict[str, Any]:
        """What it keeps between batches, tensors and plain values: saved, so that a run can be continued."""
        return {}

    def load(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
