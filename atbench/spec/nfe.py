"""How many network evaluations a sampler can spend: stated once, for the experiment files and for the samplers."""

from functools import cache
from typing import Any

from atbench.runtime.errors import UserError
from atbench.spec.corrections import Dcw, TimeShift, at_nfe
from atbench.spec.fields import MOST_NFE
from atbench.spec.models.training import VeGrid, VpGrid


def within(nfe: int, smallest: int, largest: int) -> None:
    """Raises UserError, naming the nearest valid nfe, unless nfe is an integer in smallest..largest."""
    if not isinstance(nfe, int) or isinstance(nfe, bool):
        raise UserError(f"nfe {nfe!r}: must be an integer in {smallest}..{largest}; nearest valid nfe: {smallest}")
    if not smallest <= nfe <= largest:
        nearest = min(max(nfe, smallest), largest)
        raise UserError(f"nfe {nfe}: must lie in {smallest}..{largest}; nearest valid nfe: {nearest}")


def stride_of(nfe: int, num_steps: int) -> int:
    """The smallest integer stride over ``num_steps`` timesteps that gives nfe steps.

    Raises UserError where none does; the message names the nearest counts that exist.
    """
    within(nfe, smallest=2, largest=num_steps)
    strides = _strides(num_steps)
    if nfe not in strides:
        gap = min(abs(n - nfe) for n in strides)
        nearest = " and ".join(str(n) for n in sorted(strides) if abs(n - nfe) == gap)
        raise UserError(f"nfe {nfe}: no integer stride over {num_steps} steps gives it; nearest valid nfe: {nearest}")
    return strides[nfe]


@cache
def _strides(num_steps: int) -> dict[int, int]:
    """Count of steps -> the smallest stride that gives it."""
    strides: dict[int, int] = {}
    for stride in range(1, num_steps):  # they ascend, so setdefault keeps the smallest one of each count
        strides.setdefault(-(-num_steps // stride), stride)  # ceil division
    return strides


def odd(nfe: int) -> None:
    """Raises UserError for an even nfe: every step but the last costs two evaluations."""
    if not isinstance(nfe, int) or isinstance(nfe, bool) or nfe < 3 or nfe % 2 == 0:
        nearest = max(3, nfe + 1) if isinstance(nfe, int) else 3
        raise UserError(f"nfe {nfe!r}: must be odd and at least 3; nearest valid nfe: {nearest}")


def positive_scale(nfe: int, eps_scale: float, eps_slope: float) -> None:
    """Raises UserError for a scale of eps that reaches zero within nfe steps: eps is divided by it."""
    if min(eps_scale, eps_scale + eps_slope * (nfe - 1)) <= 0:
        raise UserError(
            f"eps_scale {eps_scale}, eps_slope {eps_slope}: eps_scale + eps_slope * i must stay above 0 "
            f"for i = 0..{nfe - 1}"
        )


def shift_within(nfe: int, moves: str, window: int, cutoff: int) -> None:
    """Raises UserError for a time shift that leaves the timesteps of DDIM's ``nfe`` steps.

    The public code takes entries from the other end of its table there, or gives NaN. Source:
    tingyu215/TS-DPM-ADM:guided_diffusion/gaussian_diffusion.py, whose destination lies T // (nfe - 1) + 1 below t_s.
    """
    stride, half = stride_of(nfe, MOST_NFE), window // 2
    for i in range(1, nfe - 1):  # the first step is plain
        centre = stride * (i - 1 if moves == "next" else i)
        drop = MOST_NFE // (nfe - 1) + 1
        if centre <= cutoff:
            continue
        if centre + half >= MOST_NFE:
            most = 2 * (MOST_NFE - 1 - centre) + 1
            raise UserError(f"time_shift.window {window}: leaves 0..{MOST_NFE - 1} at t = {centre}; at most {most}")
        if moves == "destination" and half > drop:
            raise UserError(f"time_shift.window {window}: steps back at nfe {nfe}; at most {2 * drop + 1}")
        if moves == "destination" and centre - half < drop:
            raise UserError(f"time_shift.cutoff {cutoff}: steps below 0 at nfe {nfe}; at least {centre}")


def corrected(nfe: int, sampler: Any) -> None:
    """Raises UserError for corrections of an entry of samplers.yaml that cannot be, or are not known, at ``nfe``."""
    scale, slope = (getattr(sampler, key, neutral) for key, neutral in (("eps_scale", 1.0), ("eps_slope", 0.0)))
    positive_scale(nfe, at_nfe(scale, nfe, "eps_scale"), at_nfe(slope, nfe, "eps_slope"))
    dcw, shift = getattr(sampler, "dcw", None), getattr(sampler, "time_shift", None)
    if isinstance(dcw, Dcw):
        at_nfe(dcw.low, nfe, "dcw.low")
        at_nfe(dcw.high, nfe, "dcw.high")
    if isinstance(shift, TimeShift):
        window, cutoff = (at_nfe(getattr(shift, key), nfe, f"time_shift.{key}") for key in ("window", "cutoff"))
        shift_within(nfe, shift.moves, window, cutoff)


def check(rule: str | None, nfe: int, sampler: Any, grid: VpGrid | VeGrid | None) -> None:
    """Raises UserError for an nfe that a sampler cannot spend.

    rule: what its class says of itself by the constant ``spends``; None for a class that says nothing.
    """
    if rule == "many":
        within(nfe, 2, MOST_NFE)
    elif rule == "strides":
        stride_of(nfe, MOST_NFE)
    elif rule == "orders":
        within(nfe, getattr(sampler, "order", 1), MOST_NFE)
    elif rule == "levels" and grid is not None:
        within(nfe, 1, grid.steps)
    elif rule == "odd":
        odd(nfe)
    if rule is not None:
        corrected(nfe, sampler)
