"""EDM's deterministic second-order sampler (Karras et al. 2022, algorithm 1)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from atbench.diffusion.consistency import VeConsistency, karras_times
from atbench.diffusion.schedule import Schedule
from atbench.diffusion.steps import heun_step
from atbench.sampling import dcw as bands
from atbench.sampling.edm import Denoiser, EdmSampler
from atbench.sampling.eps_scaling import EpsScaling
from atbench.spec.corrections import ByNfe, DcwOfLevel, Scale
from atbench.spec.nfe import odd


@dataclass(frozen=True)
class Heun(EdmSampler):
    """Heun sampler. Its last step is Euler's."""

    kind: ClassVar[str] = "heun"
    spends: ClassVar[str] = "odd"  # its rule in `atbench.spec.nfe`

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        eps_scale: ByNfe[Scale] = 1.0,  # lambda in x - (x - D)/lambda, at both evaluations; by NFE or for all
        dcw: DcwOfLevel | None = None,  # DC or DCW after each step
    ) -> "Heun":
        """Refuse with UserError an even nfe: every step but the last costs two evaluations."""
        odd(nfe)
        times = karras_times((nfe + 1) // 2, VeConsistency.t_min, VeConsistency.t_max)
        return cls(tuple(times.tolist()), EpsScaling.at(nfe, eps_scale), bands.Dcw.at(nfe, dcw))

    @staticmethod
    def step(denoiser: Denoiser, x: Tensor, here: Tensor, there: Tensor) -> Tensor:
        return heun_step(denoiser, x, here, there)
