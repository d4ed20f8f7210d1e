"""The time shift (arXiv 2305.15583): a timestep is chosen by the variance that a state really has."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from atbench.diffusion.schedule import Schedule
from atbench.spec import corrections
from atbench.spec.corrections import at_nfe
from atbench.spec.nfe import shift_within


@dataclass(frozen=True)
class TimeShift:
    """t_s = argmin over a window of (var(x) - v_tau)^2, per sample; var is the unbiased one over C, H and W.

    The first step and those at or below the cutoff are plain. Three forms, c_i the timestep of step i:

    - ``label``, our reading of the paper's figure 1: tau in c_i -+ w//2, v_tau = 1 - abar_tau; the network is told t_s,
      all else stays at c_i.
    - ``destination``, what the code for ADM networks does: v_tau = abar_(T-1-tau), and the step goes to
      abar_(t_s - T//(S-1) - 1). That is no step of DDIM's even with window 0, which is therefore its control. Source:
      tingyu215/TS-DPM-ADM:guided_diffusion/gaussian_diffusion.py.
    - ``next``, what the code for DDPM networks does: tau in c_(i-1) -+ w//2, v_tau = 1 - abar_tau, and the step goes to
      abar_(t_s); later labels stay on the grid. Source: Mingxiao-Li/TS-DPM:pnm_solver.py.
    """

    moves: Literal["label", "destination", "next"]
    window: int  # timesteps
    cutoff: int
    alphas_cumprod: Tensor  # (T,) float64
    timesteps: tuple[int, ...]  # (S,) of the sampler, ascending

    @classmethod
    def at(
        cls, nfe: int, block: corrections.TimeShift | None, schedule: Schedule, timesteps: list[int]
    ) -> "TimeShift | None":
        """The shift of a ``time_shift:`` block. Refuse with UserError a window that leaves the timesteps."""
        if block is None:
            return None
        window, cutoff = (at_nfe(getattr(block, key), nfe, f"time_shift.{key}") for key in ("window", "cutoff"))
        shift_within(nfe, block.moves, window, cutoff)
        return cls(block.moves, window, cutoff, schedule.alphas_cumprod, tuple(timesteps))

    def shifted(self, x: Tensor, i: int) -> Tensor | None:
        """t_s (N,) of the step i from a state x (N, C, H, W); None where the step is plain."""
        centre = self.timesteps[i - 1 if self.moves == "next" else i]
        if i in (0, len(self.timesteps) - 1) or centre <= self.cutoff:
            return None
        half = self.window // 2
        candidates = torch.arange(max(centre - half, 0), centre + half + 1)
        abar = self.alphas_cumprod
        expected = abar.flip(0)[candidates] if self.moves == "destination" else 1 - abar[candidates]
        gap = (x.flatten(1).var(dim=1)[:, None] - expected.to(x.dtype).to(x.device)).square()
        return candidates.to(x.device)[gap.argmin(dim=1)]

    def label(self, x: Tensor, i: int, plain: Tensor) -> Tensor:
        """What the network is told (N,) at step i: ``plain``, or t_s."""
        t_s = self.shifted(x, i) if self.moves == "label" else None
        return plain if t_s is None else t_s.to(plain)

    def level(self, x: Tensor, i: int, plain: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """alpha and sigma (N, 1, 1, 1) that step i from x goes to: ``plain``, or those of t_s."""
        t_s = None if self.moves == "label" else self.shifted(x, i)
        if t_s is None:
            return plain
        steps = len(self.timesteps)
        drop = len(self.alphas_cumprod) // (steps - 1) + 1 if self.moves == "destination" else 0
        abar = self.alphas_cumprod[(t_s - drop).cpu()].reshape(-1, 1, 1, 1)
        alpha, sigma = (level.sqrt().to(x.dtype).to(x.device) for level in (abar, 1 - abar))
        return alpha, sigma
