"""ES, epsilon scaling (Ning et al. 2024, arXiv 2308.15321): the predicted noise is made smaller before it is used."""

from dataclasses import dataclass

from torch import Tensor

from atbench.spec.corrections import ByNfe, at_nfe
from atbench.spec.nfe import positive_scale


@dataclass(frozen=True)
class EpsScaling:
    """eps := eps_hat / lambda_i, lambda_i = offset + slope i, i the respaced step, 0 the cleanest.

    Before x0_hat is formed, hence before its clamp; a learned variance stays. Source:
    forever208/ADM-ES:guided_diffusion/gaussian_diffusion.py, which divides there by a constant.
    """

    offset: float = 1.0  # b; the method's own table has k and b, both by data set and step count
    slope: float = 0.0  # k

    @classmethod
    def at(cls, nfe: int, eps_scale: ByNfe[float], eps_slope: ByNfe[float] = 0.0) -> "EpsScaling":
        """Refuse with UserError a constant that is not known at ``nfe``, and a scale that reaches zero."""
        offset, slope = at_nfe(eps_scale, nfe, "eps_scale"), at_nfe(eps_slope, nfe, "eps_slope")
        positive_scale(nfe, offset, slope)
        return cls(offset, slope)

    def eps(self, eps_hat: Tensor, i: int) -> Tensor:
        """The scaled noise (N, C, H, W) of the respaced step i."""
        return eps_hat / (self.offset + self.slope * i)

    def denoised(self, x: Tensor, x0_hat: Tensor) -> Tensor:
        """x - (x - D)/lambda for a denoiser's answer D, constant lambda: the same in EDM's form.

        At both evaluations of a Heun step. Source: forever208/EDM-ES:generate.py.
        """
        return x0_hat if self.offset == 1 else x - (x - x0_hat) / self.offset  # the bits of the plain sampler
