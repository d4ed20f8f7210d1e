"""Options of the training-free corrections of samplers: types, constants by step count, what must agree. Free of torch.

Formulas stand beside the code: `atbench.sampling.eps_scaling`, `.dcw` and `.time_shift`.
"""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Discriminator, Field, Tag

from atbench.runtime.errors import UserError
from atbench.spec.fields import MOST_NFE, TUNED, Entry, Nfe, Tunable
from atbench.spec.yaml import Mapping

T = TypeVar("T")
Number = TypeVar("Number", int, float)


def _form(value: Any) -> str:
    return "by nfe" if isinstance(value, dict) else TUNED if value == TUNED else "one"


# A constant is one number, or one for each step count that it is known at, or not known yet.
ByNfe = Annotated[
    Annotated[T, Tag("one")]
    | Annotated[dict[Nfe, T], Field(min_length=1), Tag("by nfe")]
    | Annotated[Tunable, Tag(TUNED)],
    Discriminator(_form),
]
Scale = Annotated[float, Field(gt=0, le=10)]
Slope = Annotated[float, Field(ge=-1, le=1)]
Weight = Annotated[float, Field(ge=-1, le=1)]
Window = Annotated[int, Field(ge=0, lt=MOST_NFE)]  # timesteps
Cutoff = Annotated[int, Field(ge=0, lt=MOST_NFE)]

# Option -> what it is called where it is refused.
NAMES = {
    "eps_scale": "epsilon scaling (arXiv 2308.15321)",
    "eps_slope": "a slope of epsilon scaling (arXiv 2308.15321)",
    "dcw": "DC or DCW (arXiv 2604.16044)",
    "time_shift": "the time shift (arXiv 2305.15583)",
}


class Dcw(Entry):
    """Weights of DC (low = high) or DCW, the same at every step."""

    low: ByNfe[Weight] = Field(description="l, of the low-frequency band of x' - x0_hat; 0 leaves it")
    high: ByNfe[Weight] = Field(description="h, of the other three bands; 0 leaves them")

    @property
    def by_level(self) -> bool:
        """Whether a weight changes with the noise level."""
        return False


class DcwOfLevel(Dcw):
    """Weights of DC or DCW where a step starts from a noise level t of EDM."""

    weights: Literal["level", "constant"] = Field(description="level: low t/80 and high (1 - t/80) instead")

    @property
    def by_level(self) -> bool:
        """Whether a weight changes with the noise level."""
        return self.weights == "level"


class TimeShift(Entry):
    """Timesteps that are chosen by the variance of the state."""

    moves: Literal["label", "destination", "next"] = Field(
        description="the network's label, or where the step goes: [TSA]'s destination, [TS]'s next timestep"
    )
    window: ByNfe[Window] = Field(description="timesteps that are looked through, half of them to each side")
    cutoff: ByNfe[Cutoff] = Field(description="timestep down to which steps are plain")


class NotKnown(UserError):
    """A constant without a value: its key, and in words what is missing."""

    def __init__(self, key: str, reason: str):
        super().__init__(f"{key}: {reason}")
        self.key, self.reason = key, reason


def at_nfe(constant: Number | dict[int, Number] | str, nfe: int, key: str) -> Number:
    """The value of a constant at ``nfe`` network evaluations of a sampler.

    Raises NotKnown where there is no value at this count, or none at all.
    """
    if isinstance(constant, dict):
        if nfe not in constant:
            raise NotKnown(key, f"missing at nfe {nfe}; there is a value at {', '.join(map(str, sorted(constant)))}")
        return constant[nfe]
    if isinstance(constant, str):
        raise NotKnown(key, f"missing; in samplers.yaml it is `{TUNED}`: write a first one, then `make tune`")
    return constant


def resolved(written: Mapping, nfe: int) -> Mapping:
    """What a file says of a sampler, with the value at ``nfe`` in place of those at every step count that has one."""
    found = {}
    for key, value in written.items():
        if isinstance(value, dict):
            value = value[nfe] if nfe in value else resolved(value, nfe)
        found[key] = value
    return found
