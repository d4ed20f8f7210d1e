"""Types of the values in experiment files: ranges, lists, names that another file declares. Free of torch.

The classes of perturbations, samplers, objectives and networks annotate their options with these types, so that the
range of an option stands beside it and nowhere else (see `atbench.spec.signatures`).
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    create_model,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from atbench.runtime.errors import UserError
from atbench.spec.address import NAME
from atbench.spec.yaml import Mapping, short

T = TypeVar("T")
Origin = Callable[[list[str]], Path]  # path of keys -> the file that wrote it
MOST_NFE = 1000  # training timesteps of the diffusion
MOST_BATCHES = 9_999_999  # the names of snapshots have seven digits
FACTOR = "learning_rate_factor"  # in `tuned:`, of a method on the rate of its suite's baseline
TUNED = "tuned"  # stands in methods.yaml for a value that the scale's `tuned:` block holds


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _distinct(values: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    repeated = [value for place, value in enumerate(values) if value in values[:place]]
    if repeated:
        raise PydanticCustomError("repeated", "{value} stands there twice", {"value": repr(repeated[0])})
    return values


def _whole(value: Any) -> Any:
    if isinstance(value, bool | float):  # to Python both True and 1.0 are 1
        raise PydanticCustomError("whole", "must be a whole number")
    return value


def _ascending(values: tuple[float, float]) -> tuple[float, float]:
    if values[0] > values[1]:
        raise PydanticCustomError("descending", "{low} to {high}: the lower one stands first", _ends(values))
    return values


def _apart(values: tuple[float, float]) -> tuple[float, float]:
    if values[0] >= values[1]:
        raise PydanticCustomError("empty", "[{low}, {high}) is empty: the lower one stands first", _ends(values))
    return values


def _ends(values: tuple[float, float]) -> dict[str, Any]:
    return {"low": values[0], "high": values[1]}


def _stable(value: Any) -> Any:
    if isinstance(value, float) and value > 1:
        raise PydanticCustomError("unstable", "must be at most 1: AdamW moves every weight by it, no loss stays finite")
    return value


# Every number has both ends. Where nothing in the arithmetic gives one, it lies far beyond what has ever been of use,
# so that what lies further is a slip: a batch of a billion, a rate of 1e30. A test walks all keys and holds this.
Whole = BeforeValidator(_whole)  # beside a Literal of numbers
Count = Annotated[int, Field(ge=1, le=1_000_000)]  # of what a machine holds at once, or does one after another
Batches = Annotated[int, Field(ge=1, le=MOST_BATCHES)]
Images = Annotated[int, Field(ge=1, le=10**7)]  # ImageNet eight times
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every generator takes
Side = Annotated[int, Field(ge=4, le=4096)]  # pixels
Width = Annotated[int, Field(ge=1, le=16_384)]  # channels of a layer, or groups of them
Rounds = Annotated[int, Field(ge=1, le=1000)]  # K: of the network on one batch
Repeats = Annotated[int, Field(ge=1, le=10_000)]  # of a measurement
Depth = Annotated[int, Field(ge=1, le=64)]  # layers one after another
Workers = Annotated[int, Field(ge=1, le=1024)]  # threads or processes: no machine has more processors to share
Nfe = Annotated[int, Field(ge=1, le=MOST_NFE)]  # network evaluations per image
Timestep = Annotated[int, Field(ge=0, lt=MOST_NFE)]
LearningRate = Annotated[float, Field(gt=0, le=1), BeforeValidator(_stable)]
Decay = Annotated[float, Field(ge=0, le=1)]  # of weights; AdamW takes the learning rate times this share of them
Positive = Annotated[float, Field(gt=0, le=1_000_000)]
Factor = Annotated[float, Field(gt=0, le=1000)]  # on a number of about its size
Size = Annotated[float, Field(gt=0, le=10)]  # RMS per dimension: images span 2, latents and noise have unit variance
NoiseLevel = Annotated[float, Field(ge=0, le=100)]  # the noisiest of any grid is 80
Guidance = Annotated[float, Field(ge=0, le=100)]  # weight; 7.5 is usual
Rate = Annotated[float, Field(ge=0, lt=1)]  # of dropout, of a moving average
Share = Annotated[float, Field(gt=0, lt=1)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple), Field(min_length=1), AfterValidator(_distinct)]
Few = Annotated[tuple[T, ...], BeforeValidator(_as_tuple), AfterValidator(_distinct)]  # or none at all
Series = Annotated[tuple[T, ...], BeforeValidator(_as_tuple), Field(min_length=1)]  # values may repeat
Bounds = Annotated[tuple[T, T], BeforeValidator(_as_tuple), AfterValidator(_ascending)]  # low <= high
Interval = Annotated[tuple[T, T], BeforeValidator(_as_tuple), AfterValidator(_apart)]  # [low, high), not empty
Name = Annotated[str, Field(pattern=rf"^{NAME}$")]  # what may stand in an address
Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]  # SHA-256


@dataclass(frozen=True)
class Refers:
    """Marks a name that another experiment file declares: a suite, method, sampler, metric ..."""

    kind: str


SuiteName = Annotated[Name, Refers("suite")]
MethodName = Annotated[Name, Refers("method")]
SamplerName = Annotated[Name, Refers("sampler")]
MetricName = Annotated[str, Refers("metric")]
ClaimName = Annotated[str, Refers("claim")]
Tunable = Literal["tuned"]  # beside the type of a constant that may come from `tuned:`


class Entry(BaseModel):
    """A mapping of an experiment file: unknown keys, wrong types and numbers that are not finite are refused.

    It remembers what was written: digests count what the files say, to the digit, not what a type makes of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
    _written: Mapping = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _remember(cls, value: Any, handler: ModelWrapValidatorHandler["Entry"]) -> "Entry":
        if isinstance(value, dict):
            for key in value:
                if key not in cls.known_keys():
                    raise PydanticCustomError("unknown_key", "{near}", {"key": key, "near": cls.why_not(key)})
        entry = handler(value)
        if isinstance(value, dict):
            entry._written = value
        return entry

    @classmethod
    def known_keys(cls) -> list[str]:
        """The keys that a file may write."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @classmethod
    def why_not(cls, key: object) -> str:
        """In words, that a key is not known."""
        return _near("key", key, cls.known_keys())

    def written(self) -> Mapping:
        """What the file says: only the keys that stand there, with their values as written."""
        return self._written


def part_of(model: type[Entry]) -> type[Entry]:
    """The type of a block that may write any of a model's keys, to be put on top of a whole one."""
    members: dict[str, Any] = {name: (_optional(each), None) for name, each in model.model_fields.items()}
    return create_model(f"{model.__name__}Part", __base__=Entry, __doc__=model.__doc__, **members)


def _optional(of: FieldInfo) -> Any:
    whole: Any = Annotated[(of.annotation, *of.metadata)] if of.metadata else of.annotation
    return whole | None


def _near(kind: str, name: object, known: list[str]) -> str:
    """In words, that ``name`` is unknown, with the nearest known one, or all of them."""
    close = get_close_matches(str(name), known, 1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    return f"unknown {kind} {name!r}; {hint}"


def refusal(error: ValidationError, value: Any, file: Path | str | Origin, prefix: str = "") -> UserError:
    """A pydantic error as one line that names the file and the key; ``value`` is what was validated.

    file: where it stands, or a function of the key's path that says so.
    """
    first = min(error.errors(include_url=False), key=lambda e: [str(part) for part in e["loc"]])
    context = first.get("ctx", {})
    path = prefix.split(".") if prefix else []
    place: Any = value
    steps: tuple[Any, ...] = first["loc"]
    for part in steps:  # a union's own names stand there too
        if (isinstance(place, dict) and part in place) or (isinstance(place, list) and part in range(len(place))):
            place = place[part]
            path.append(str(part))
        elif part == steps[-1] and first["type"] == "missing":
            path.append(str(part))
    if first["type"] == "unknown_key":
        path.append(str(context["key"]))
    if first["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path.append(str(context["discriminator"]).strip("'"))
    where = ".".join(path) or "top level"
    return UserError(f"{short(file(path) if callable(file) else file)}: {where}: {_words(first, place)}")


def _words(error: Any, value: Any) -> str:
    """What is wrong with a value, in the words of this project."""
    context, kind = error.get("ctx", {}), error["type"]
    if kind in ("unknown_key", "repeated", "descending", "empty"):
        return str(error["msg"])
    if kind == "missing":
        return "missing"
    if kind == "union_tag_invalid":
        expected = str(context["expected_tags"]).replace("'", "")
        return _near(str(context["discriminator"]).strip("'"), context["tag"], expected.split(", "))
    if kind == "union_tag_not_found":
        tag = str(context["discriminator"]).strip("'")
        misspelt = get_close_matches(tag, [str(key) for key in value], 1) if isinstance(value, dict) else []
        return f"missing; {misspelt[0]!r} stands there" if misspelt else "missing"
    if kind == "literal_error":
        return f"{_shown(value)} is not allowed; allowed: {str(context['expected']).replace(' or ', ', ')}"
    shown = _shown(value)
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch" and context.get("pattern") == rf"^{NAME}$":
        return f"{shown}: must be lower-case letters, digits and single hyphens"
    message = str(error["msg"]).replace("Input should be", "must be").replace("a valid tuple", "a list")
    return f"{shown}: {message[0].lower()}{message[1:]}"


def _shown(value: Any) -> str:
    """A value as messages show it: of a long one, and of a number with thousands of digits, its type."""
    try:
        text = repr(value)
    except ValueError:
        return f"a number of {value.bit_length()} bits"
    return text if len(text) < 80 else type(value).__name__
