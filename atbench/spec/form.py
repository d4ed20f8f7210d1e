"""What the form of a record is, and the blocks that records of several kinds share.

A seal (`atbench.runtime.records`) shows what was changed by hand; a form what no measurement can have written.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from atbench.runtime.records import Record, read_record
from atbench.spec.address import STEP
from atbench.spec.fields import Hash, Name, Nfe, refusal
from atbench.spec.metrics import METRICS

ROUNDING = 1e-6  # by which a number may miss its range; of distances, a share of the largest one beside them


def in_range(values: dict[str, float]) -> dict[str, float]:
    """The metrics as they are. Raises ValueError for one that no images can have.

    A distance near zero is the difference of traces, which are about as large as the other distances of its images.
    """
    known = {name: METRICS[name] for name in values if name in METRICS}
    largest = max([1.0, *(abs(values[name]) for name, metric in known.items() if metric.unit)])
    for name, metric in known.items():
        value, slack = values[name], ROUNDING * (largest if metric.unit else 1.0)
        if not metric.low - slack <= value <= metric.high + slack:
            raise ValueError(f"{name} {value:g} cannot be; allowed: {metric.low:g} to {metric.high:g}")
    return values


# What was counted and measured has no upper end but that of a counter.
Count = Annotated[int, Field(ge=1, lt=2**63)]
Index = Annotated[int, Field(ge=0, lt=2**63)]
NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
Commit = Annotated[str, Field(pattern="^([0-9a-f]{40,64}|unknown)$")]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d$")]
Metrics = Annotated[dict[str, float], AfterValidator(in_range), Field(min_length=1)]
Seconds = dict[str, NotNegative]  # CPU seconds by kind


class Form(BaseModel):
    """A block of a record: unknown keys, wrong types and numbers that are not finite are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def check(cls, where: object, record: Mapping[str, Any]) -> None:
        """Raises UserError, naming ``where`` the record stands and the key, for what is not of this form."""
        try:
            cls.model_validate(record)
        except ValidationError as error:
            raise refusal(error, record, str(where)) from error

    @classmethod
    def read(cls, path: str | Path) -> Record:
        """The record at ``path``. Raises UserError for one that is cut off, changed by hand or of another form."""
        record = read_record(path)
        cls.check(path, record)
        return record


class AnyForm(Form):
    """A record of whatever keys: that of a side measure which declares no form of its own."""

    model_config = ConfigDict(extra="allow")


class RunAxes(Form):
    """The address of a run."""

    scale: Name
    suite: Name
    method: Name
    seed: Index


class CellAxes(RunAxes):
    """The address of a cell."""

    step: Annotated[str, Field(pattern=f"^({STEP})$")]
    sampler: Name
    nfe: Nfe


class Spent(Form):
    """What a run has spent, in batches and in passes of the network."""

    batches: Index
    updates: Index
    gradient_evals: Index = 0
    forward_passes: Index = 0


class Provenance(Form):
    """Where a number comes from."""

    commit: Commit
    dirty: bool
    protocol: Count = 1
    versions: dict[str, str] = Field(default_factory=dict)
    device: str = ""
    threads: Count | None = None
    processes: Count | None = None
    date: Date | None = None
    sources: dict[str, Digest] = Field(default_factory=dict)
    plugins: dict[str, Hash] = Field(default_factory=dict, description="code from outside the package, by what it is")
    seconds: NotNegative | Seconds = 0


class Measured(Form):
    """What every record of a side measure holds beside its numbers: with which settings, and where they come from."""

    settings: dict[str, Any]
    provenance: Provenance
