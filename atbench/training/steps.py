"""The steps of the optimizer. Those of a network with many weights are taken within the backward pass."""

import torch
from torch import Tensor, nn

from atbench.runtime import processes

WAITING = 2**24  # bytes of gradients that may wait for their step


class Steps:
    """One step of an optimizer for each update: of all weights together or, where they are many, of some after others.

    Gradients of a large network take as much memory as its weights. A weight can move as soon as its own gradient is
    whole, for nothing else in the backward pass reads it any more; then the gradient is dropped. Weights move as they
    would together, bit for bit. An update that is refused because a gradient is not finite has moved some of them by
    then, so that such a training cannot go on from memory.
    Source: the tutorial of PyTorch "How to save memory by fusing the optimizer step into the backward pass".

    Args:
        optimizer: it skips weights without a gradient.
        parameters: all that it moves. Where gradients add up over micro-batches, or are exchanged between processes,
            all are needed at once, and the weights move together.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter]):
        self.optimizer, self.parameters = optimizer, parameters
        self._within = False  # whether each gradient that now comes is whole, and may be stepped with
        self._waiting = 0  # bytes of gradients that have come
        self._norms: list[Tensor] = []  # of gradients that were dropped
        if processes.count() == 1 and sum(parameter.nbytes for parameter in parameters) > WAITING:
            for parameter in parameters:
                parameter.register_post_accumulate_grad_hook(self._arrived)

    def __enter__(self) -> None:
        """Begin the last backward pass before an update."""
        self._within = not self._gradients()

    def __exit__(self, *_: object) -> None:
        self._within = False

    def norm(self) -> float:
        """L2 norm of all gradients of this update, those that were dropped included."""
        return nn.utils.get_total_norm([*self._norms, *self._gradients()]).item()

    def finish(self) -> None:
        """Take the step of what still waits."""
        self._take()
        self._norms.clear()

    def _arrived(self, parameter: Tensor) -> None:
        if not self._within:
            return
        self._waiting += parameter.nbytes
        if self._waiting > WAITING:
            self._norms.append(nn.utils.get_total_norm(self._gradients()))
            self._take()

    def _gradients(self) -> list[Tensor]:
        return [parameter.grad for parameter in self.parameters if parameter.grad is not None]

    def _take(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._waiting = 0
