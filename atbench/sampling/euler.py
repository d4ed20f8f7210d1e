"""EDM's deterministic first-order sampler (Karras et al. 2022, algorithm 1 without its correction)."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from atbench.diffusion.consistency import VeConsistency, karras_times
from atbench.diffusion.schedule import Schedule
from atbench.sampling import dcw as bands
from atbench.sampling.edm import Denoiser, EdmSampler
from atbench.sampling.eps_scaling import EpsScaling
from atbench.spec.corrections import ByNfe, DcwOfLevel, Scale
from atbench.spec.nfe import within


@dataclass(frozen=True)
class Euler(EdmSampler):
    """Euler sampler."""

    kind: ClassVar[str] = "euler"
    spends: ClassVar[str] = "many"  # its rule in `atbench.spec.nfe`

    @classmethod
    def build(
        cls,
        nfe: int,
        schedule: Schedule,
        *,
        eps_scale: ByNfe[Scale] = 1.0,  # lambda in x - (x - D)/lambda; by NFE or for all
        dcw: DcwOfLevel | None = None,  # DC or DCW after each step
    ) -> "Euler":
        """Refuse with UserError fewer than two steps, or an nfe at which a correction cannot be."""
        within(nfe, 2, schedule.num_steps)
        times = karras_times(nfe, VeConsistency.t_min, VeConsistency.t_max)
        return cls(tuple(times.tolist()), EpsScaling.at(nfe, eps_scale), bands.Dcw.at(nfe, dcw))

    @staticmethod
    def step(denoiser: Denoiser, x: Tensor, here: Tensor, there: Tensor) -> Tensor:
        return x + (there - here) * (x - denoiser(x, here)) / here
