"""The exponential moving average of the weights that all sampling uses."""

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from atbench.spec.models.training import Ema

Average = Callable[[list[Tensor], list[Tensor], int], None]


class MovingAverage:
    """A moving average of the weights of a network, of a fixed decay or of a fixed share of the training so far.

    What `torch.optim.swa_utils.AveragedModel` computes, to the bit. That walks the modules, groups the tensors and
    detaches each at every update, a thirtieth of the time of a small network's; here they are listed once.

    Args:
        model: the network; its average begins as a copy of it, and becomes its weights at the first update.
        length: of the average.
    """

    def __init__(self, model: nn.Module, length: Ema):
        self.module = deepcopy(model)
        self.updates = 0  # of the optimizer; a run that starts from another run's average continues its count
        self._average = (
            power_average(length.relative_length) if length.decay is None else get_ema_multi_avg_fn(length.decay)
        )
        self._own, self._current = list(self.module.parameters()), list(model.parameters())
        self._buffers = list(zip(self.module.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now; buffers are copied."""
        if self.updates:
            self._average(self._own, self._current, self.updates)
        else:
            torch._foreach_copy_(self._own, self._current)
        for own, current in self._buffers:
            own.copy_(current)
        self.updates += 1


def power_average(relative_length: float) -> Average:
    """Average whose length is a fixed share of the training so far: decay_n = (1 - 1/n)^(gamma + 1).

    Short runs need it: with a decay of 0.9999 and 2,000 updates the average is mostly the initialisation.
    Source: Karras et al. 2024 (EDM2), section 3.1, equation 2 of the post-hoc EMA.
    """
    gamma = power_exponent(relative_length)

    @torch.no_grad()
    def update(average: list[Tensor], current: list[Tensor], updates: int) -> None:
        torch._foreach_lerp_(average, current, 1 - (1 - 1 / (updates + 1)) ** (gamma + 1))

    return update


def power_exponent(relative_length: float) -> float:
    """gamma of the power-function average whose standard deviation is ``relative_length`` of the training length.

    Solves (gamma + 1)^(1/2) (gamma + 2)^-1 (gamma + 3)^-1/2 = relative_length, i.e. the cubic
    gamma^3 + 7 gamma^2 + (16 - r^-2) gamma + (12 - r^-2) = 0 (Karras et al. 2024, appendix C).
    """
    inverse = relative_length**-2
    roots = np.roots([1, 7, 16 - inverse, 12 - inverse])
    return float(max(root.real for root in roots if abs(root.imag) < 1e-9))
