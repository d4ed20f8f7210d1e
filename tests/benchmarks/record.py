"""The record of a machine: every pair that was measured there, and what follows from the pairs.

Medians and ratios stand beside the pairs that they come from, so that reading a record can hold them to these.
"""

from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from atbench.runtime.records import write_record
from atbench.spec.form import Commit, Count, Date, Form, Positive

SIDES = ("ours", "peer")
ROUNDING = 1e-9  # relative, of a median that is computed anew
Quantity = Literal["cpu", "wall", "gpu", "bytes"]  # seconds of a processor, of a clock, of a GPU; bytes of memory
Sample = dict[Quantity, Positive]  # what one call took
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
Name = Annotated[str, Field(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]


class PairForm(Form):
    """One turn: both sides, one right after the other."""

    first: Literal["ours", "peer"]
    ours: Sample
    peer: Sample

    @model_validator(mode="after")
    def _sides_measure_the_same(self) -> "PairForm":
        if not self.ours or self.ours.keys() != self.peer.keys():
            raise ValueError(f"ours has {sorted(self.ours)}, the peer {sorted(self.peer)}")
        return self

    def ratio(self, quantity: Quantity) -> float:
        """Ours over the peer's: below 1, ours takes less."""
        return self.ours[quantity] / self.peer[quantity]


class SpreadForm(Form):
    """Many values by their median, quartiles and ends; the interval is of the median, by a bootstrap, or None."""

    median: Positive
    quartiles: Interval
    range: Interval
    interval: Interval | None = Field(None, description="95 %, where there are enough values for one")


class FlopsForm(Form):
    """Floating-point operations of one call of ours, counted, and their rate beside that of a matrix product."""

    count: Count
    per_second: Positive
    matmul_per_second: Positive

    @property
    def share(self) -> float:
        """Of the rate of a matrix product."""
        return self.per_second / self.matmul_per_second


class MeasuredForm(Form):
    """A row as one column has it: the pairs, and what they come to."""

    judged_by: Quantity
    ratio: Positive = Field(description="median over the pairs of ours / peer, in the quantity that judges")
    ratios: dict[Quantity, SpreadForm]
    ours: dict[Quantity, SpreadForm]
    peer: dict[Quantity, SpreadForm]
    repeats: Count = Field(description="calls behind each sample")
    agreement: str = Field(description="how far both sides came to the same")
    flops: FlopsForm | None
    pairs: Annotated[list[PairForm], Field(min_length=1)]

    @model_validator(mode="after")
    def _numbers_follow_from_the_pairs(self) -> "MeasuredForm":
        quantities = self.pairs[0].ours.keys()
        for name, block in (("ratios", self.ratios), ("ours", self.ours), ("peer", self.peer)):
            if block.keys() != quantities:
                raise ValueError(f"{name} has {sorted(block)}, the pairs {sorted(quantities)}")
            for quantity, spread in block.items():
                values = [
                    pair.ratio(quantity) if name == "ratios" else getattr(pair, name)[quantity] for pair in self.pairs
                ]
                if not _equal(spread.median, median(values)):
                    raise ValueError(f"{name}.{quantity}.median {spread.median:g} is not that of the pairs")
        if self.judged_by not in quantities or not _equal(self.ratio, self.ratios[self.judged_by].median):
            raise ValueError(f"ratio {self.ratio:g} is not the median of the pairs' ratios of {self.judged_by}")
        return self


class SkippedForm(Form):
    """A row or column that could not be measured, and why."""

    skipped: Annotated[str, Field(min_length=1)]


def _kind(block: Any) -> str:
    """Which form a block is to have, so that what is wrong with it is said of that one alone."""
    skipped = "skipped" in block if isinstance(block, dict) else isinstance(block, SkippedForm)
    return "skipped" if skipped else "measured"


Skipped = Annotated[SkippedForm, Tag("skipped")]
Column = Annotated[Annotated[MeasuredForm, Tag("measured")] | Skipped, Discriminator(_kind)]


class RowForm(Form):
    """What is compared, in words, and how it went, by column: eager, compiled, on a GPU."""

    what: str
    ours: str
    peer: str
    goal: Positive | None = Field(None, description="the ratio to stay below")
    columns: Annotated[dict[Name, Column], Field(min_length=1)]


class PointForm(Form):
    """One size of a curve."""

    size: Count
    cpu: SpreadForm
    wall: SpreadForm


class CurveForm(Form):
    """How a time grows."""

    what: str
    size: str = Field(description="what grows")
    points: Annotated[list[PointForm], Field(min_length=1)]


Curve = Annotated[Annotated[CurveForm, Tag("measured")] | Skipped, Discriminator(_kind)]


class MachineForm(Form):
    """Where it was measured."""

    cpu: str
    cores: Count
    memory_bytes: Count
    flags: list[str] = Field(description="of the processor, those that numerical libraries choose their kernels by")
    gpu: str | None
    system: str
    python: str


class RecordForm(Form):
    """All rows and curves of one run on one machine."""

    machine: MachineForm
    versions: dict[str, str]
    threads: Count = Field(description="of every measured process")
    lanes: Count = Field(description="rows that were measured side by side")
    environment: dict[str, str] = Field(description="variables of every measured process")
    quick: bool = Field(description="smaller work, fewer pairs: no result")
    date: Date
    commit: Commit
    dirty: bool
    seconds: Positive = Field(description="of the whole run, by the clock")
    rows: dict[Name, RowForm]
    curves: dict[Name, Curve]


def write(path: Path, record: dict[str, Any]) -> Path:
    """Write a record, sealed. Raises UserError, naming the key, for what is not of its form."""
    RecordForm.check(path, record)
    write_record(path, record)
    return path


def read(path: Path) -> RecordForm:
    """The record at ``path``. Raises UserError for one that is cut off, changed by hand or of another form."""
    return RecordForm.model_validate(RecordForm.read(path))


def _equal(one: float, other: float) -> bool:
    return abs(one - other) <= ROUNDING * abs(other)
