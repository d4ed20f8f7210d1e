"""The steps of the optimizer. Those of a network with many weights are taken within the backward pass."""

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from atbench.runtime import processes

WAITING = 2**24  # bytes of gradients that may wait for their step: little beside a large network, yet steps stay few


class Steps:
    """One step of an optimizer for each update: of all weights together or, where they are many, in groups.

    Gradients of a large network take as much memory as its weights. A gradient is whole only when every operation that
    used its weight has run backward, so that nothing reads the weight any more: it can move at once, and the gradient
    be dropped. Weights move as they would together, bit for bit. An update that is refused because a gradient is not
    finite has moved some of them by then, so that such a training cannot go on from memory.

    They move together where gradients add up over micro-batches, for then all are there before the first is whole, and
    where several processes exchange them. A compiled network gives all its gradients at once, which saves nothing.
    Source: the tutorial of PyTorch "How to save memory by fusing the optimizer step into the backward pass".

    Args:
        optimizer: it skips weights without a gradient.
        parameters: all that it moves.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]):
        self.optimizer, self.parameters = optimizer, parameters
        self._in_groups = processes.count() == 1 and sum(parameter.nbytes for parameter in parameters) > WAITING
        self._hooks: list[RemovableHandle] = []  # of one backward pass: kept longer, they would keep the trainer
        self._waiting = 0  # bytes of gradients that have come
        self._norms: list[Tensor] = []  # of gradients that were dropped

    def __enter__(self) -> None:
        """Begin the last backward pass before an update."""
        self._waiting = 0
        self._norms.clear()
        if self._in_groups and not self._gradients():
            self._hooks = [each.register_post_accumulate_grad_hook(self._arrived) for each in self.parameters]

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def norm(self) -> float:
        """L2 norm of all gradients of this update, those that were dropped included."""
        return nn.utils.get_total_norm([*self._norms, *self._gradients()]).item()

    def finish(self) -> None:
        """Take the step of what still waits."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def _arrived(self, parameter: Tensor) -> None:
        self._waiting += parameter.nbytes
        if self._waiting > WAITING:
            self._norms.append(nn.utils.get_total_norm(self._gradients()))
            self.finish()
            self._waiting = 0

    def _gradients(self) -> list[Tensor]:
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]
