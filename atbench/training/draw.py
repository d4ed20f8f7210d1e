"""What an objective freezes for one batch, before the inner updates start."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Draw:
    """Everything random or expensive of one batch, fixed for all of its inner updates.

    The perturbation acts on ``state``; ``sigma`` is the noise level of each sample there. The loop adds what a
    perturbation may ask of the network; without a loop there is none to ask.
    """

    x0: Tensor  # (N, C, H, W) clean images
    state: Tensor  # (N, C, H, W) the network's unperturbed input, x_t
    sigma: Tensor  # (N, 1, 1, 1) noise level of the state
    weights: Tensor  # (N,) importance weights of the timesteps
    labels: Tensor | None  # (N,) class indices
    t: Tensor  # (N,) timestep indices
    eps: Tensor  # (N, C, H, W) the noise inside the state
    # (x (N, C, H, W), t (N,)) -> what the network makes of it now, as `Objective.predict` says: without dropout and
    # gradient, and counted.
    predict: Callable[[Tensor, Tensor], Tensor] | None = field(default=None, kw_only=True, repr=False)
    previous: Tensor | None = field(default=None, kw_only=True)  # the network's output in the round before; first: None
