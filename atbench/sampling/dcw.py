"""DC and DCW (arXiv 2604.16044): after a step, its state is moved away from the step's estimate of x0, band by band."""

from dataclasses import dataclass
from typing import Union

from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from atbench.runtime.errors import UserError
from atbench.spec import corrections
from atbench.spec.corrections import at_nfe

T_MAX = 80.0  # the noisiest level of EDM, in whose units weights of the level are


@dataclass(frozen=True)
class Dcw:
    """x' += l B r + h (r - B r) with r = x' - x0_hat, after every step but the last, where r is zero.

    B is the mean over 2x2 blocks, spread back: the low-frequency band of a one-level orthonormal Haar transform, so
    r - B r is the other three. l = h is DC; h = 0 is what the public code ships. x0_hat is the network's last answer,
    clamped where the sampler clamps. Sources: AMAP-ML/DCW:generate.py for Euler and Heun of EDM, where weights of the
    level are l t/80 and h (1 - t/80), t the level that the step starts from; arXiv 2604.16044, equations 17 and 18, for
    DDIM and ancestral sampling, which have no public code, so weights are constant there.
    """

    low: float  # l
    high: float  # h
    by_level: bool

    @classmethod
    def at(cls, nfe: int, block: corrections.Dcw | None) -> Union["Dcw", "Plain"]:
        """The correction of a ``dcw:`` block. Refuse with UserError weights that are not known at ``nfe``."""
        if block is None:
            return Plain()
        return cls(at_nfe(block.low, nfe, "dcw.low"), at_nfe(block.high, nfe, "dcw.high"), block.by_level)

    def __call__(self, x: Tensor, x0_hat: Tensor, level: float = 0.0) -> Tensor:
        """The corrected state (N, C, H, W) of a step from ``level``. Raises UserError for images of odd sides."""
        if x.shape[-1] % 2 or x.shape[-2] % 2:
            raise UserError(f"dcw: images of {x.shape[-2]}x{x.shape[-1]} have no half: sides must be even")
        share = level / T_MAX
        low, high = (self.low * share, self.high * (1 - share)) if self.by_level else (self.low, self.high)
        rest = x - x0_hat
        coarse = interpolate(avg_pool2d(rest, 2), scale_factor=2, mode="nearest")
        return x + low * coarse + high * (rest - coarse)


@dataclass(frozen=True)
class Plain:
    """No correction."""

    def __call__(self, x: Tensor, x0_hat: Tensor, level: float = 0.0) -> Tensor:
        return x
