"""Which of the T training steps a sampler visits, and the process on that subset.

Source of both rules: openai/guided-diffusion:guided_diffusion/respace.py.
"""

from collections.abc import Sequence

import torch

from atbench.diffusion.process import Process
from atbench.diffusion.schedule import Schedule
from atbench.spec import nfe as nfe_rules


def even_timesteps(nfe: int, num_steps: int) -> list[int]:
    """The "N" rule: nfe steps from 0 to num_steps - 1, both included, ascending.

    Raises:
        UserError: nfe is not an integer in 2..num_steps.
    """
    nfe_rules.within(nfe, smallest=2, largest=num_steps)
    stride = (num_steps - 1) / (nfe - 1)
    steps, position = [], 0.0
    for _ in range(nfe):
        # Summing and rounding halves to even both matter: i * stride rounds differently at some steps.
        steps.append(round(position))
        position += stride
    return steps


def stride_timesteps(nfe: int, num_steps: int) -> list[int]:
    """The "ddimN" rule: 0, i, 2i, ... for the smallest integer stride i that gives nfe steps, ascending.

    Unless i = 1 it stops short of num_steps - 1, so DDIM starts from pure noise where signal should
    remain: a quirk that published numbers have.

    Raises:
        UserError: no integer stride gives nfe steps; the message names the nearest counts that exist.
    """
    return list(range(0, num_steps, nfe_rules.stride_of(nfe, num_steps)))


def respaced(schedule: Schedule, timesteps: Sequence[int]) -> Process:
    """The process on a subset of steps: alphas_cumprod is kept at them, the betas follow from it.

    Args:
        timesteps: ascending positions in `schedule`; they become the labels that the network receives.
    Raises:
        ValueError: positions that are not strictly ascending or lie outside the schedule.
    """
    kept = torch.as_tensor(timesteps)
    if bool((kept.diff() <= 0).any()) or kept[0] < 0 or kept[-1] >= schedule.num_steps:
        raise ValueError(f"timesteps must ascend strictly within 0..{schedule.num_steps - 1}")
    abar = schedule.alphas_cumprod[kept]
    # beta_i = 1 - abar_{tau_i} / abar_{tau_{i-1}} with abar_{tau_{-1}} = 1
    return Process(Schedule(1 - abar / torch.cat([abar.new_ones(1), abar[:-1]])), kept)
