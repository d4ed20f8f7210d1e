"""claims.yaml and reviews.yaml: what the results are to show."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from atbench.spec.fields import (
    ClaimName,
    Entry,
    Many,
    MethodName,
    MetricName,
    Name,
    Nfe,
    Positive,
    SamplerName,
    Share,
    SuiteName,
)

GRID, CURVE = "grid", "curve"
Budget = Literal["batches", "updates", "cost"]
BUDGETS: tuple[Budget, ...] = ("batches", "updates", "cost")  # in the order of the verdict table
Member = Annotated[str, Field(pattern="^[a-z0-9-]+/[a-z0-9-]+$")]  # of a suite


class NfeRange(Entry):
    """Step counts from ... to, both included."""

    first: Nfe = Field(1, alias="from")
    last: Nfe | None = Field(None, alias="to")
    only: Many[Nfe] | None = Field(None, description="of the range, these alone")

    @model_validator(mode="after")
    def _not_empty(self) -> "NfeRange":
        if self.last is not None and self.first > self.last:
            raise ValueError(f"from {self.first} to {self.last} is empty")
        return self

    def holds(self, nfe: int) -> bool:
        """Whether a step count lies in the range."""
        if self.only is not None and nfe not in self.only:
            return False
        return self.first <= nfe <= (nfe if self.last is None else self.last)


class Margin(Entry):
    """The gain that counts: a share of the baseline's value, or an amount in the metric's own unit."""

    relative: Share | None = None
    absolute: Positive | None = None
    above: str | None = Field(
        None, description="metric of the same points that no method can be below: the margin is a share of the rest"
    )

    @model_validator(mode="after")
    def _one(self) -> "Margin":
        if self.above and self.relative is None:
            raise ValueError("above: a share of what lies above it wants relative")
        if (self.relative is None) == (self.absolute is None):
            raise ValueError("write either relative or absolute")
        return self

    @property
    def unit(self) -> str:
        return "absolute" if self.relative is None else "relative"

    @property
    def size(self) -> float:
        return self.absolute if self.relative is None else self.relative  # type: ignore[return-value]


class Family(Entry):
    """A family of tests, declared before any result; stated alike by all of its claims."""

    name: Name
    pilot_std: Positive = Field(
        description="standard deviation over seeds of a paired log gain, as a pilot had it: predicts what can be seen"
    )


class Claim(Entry):
    """One claim of the paper, and the test that decides on it."""

    claim: str
    source: str
    suites: Many[SuiteName]
    method: MethodName
    against: Annotated[dict[Budget, MethodName], Field(min_length=1)] = Field(
        description="budget that is equal -> baseline"
    )
    samplers: Many[SamplerName]
    training_free: Literal["baseline", "both"] | None = Field(
        None, description="which methods are sampled by the scale's `best_training_free` of these samplers instead"
    )
    judged: Literal["each", "every", "together"] = Field(
        description="a verdict per sampler, one on all of them, one on their mean"
    )
    points: str = Field(GRID, description="grid, curve, or the side measure whose points are compared")
    nfe: NfeRange
    metric: str = Field(description="of cells or of the points; `distance` is the one that leads at the scale")
    better: Literal["lower", "higher"]
    test: Literal["gain", "no-loss"]
    margin: Margin
    family: Family | None = Field(
        None, description="corrected for its own tests alone; without one a claim is secondary"
    )

    @model_validator(mode="after")
    def _of_rivals(self) -> "Claim":
        if self.training_free and self.points != GRID:
            raise ValueError(f"training_free: compares cells of the {GRID}, not {self.points}")
        if self.training_free and self.family:
            raise ValueError("training_free: its tests depend on the scale, so that no family could count them")
        return self


class ClaimsFile(Entry):
    """claims.yaml."""

    claims: Annotated[dict[Name, Claim], Field(min_length=1)]


class Question(Entry):
    """What a reviewer asked, and the one kind of evidence that answers it."""

    asked: str
    claims: Many[ClaimName] | None = None
    metrics: Many[MetricName] | None = None
    figure: Literal["convergence", "quality-nfe", "samples"] | None = None
    view: Member | None = Field(None, description="suite/view")
    cost: Member | None = Field(None, description="suite/method of cost.yaml")

    @model_validator(mode="after")
    def _one(self) -> "Question":
        kinds = ("claims", "metrics", "figure", "view", "cost")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"write one of {', '.join(kinds)}")
        return self


class ReviewsFile(Entry):
    """reviews.yaml."""

    questions: Annotated[list[Question], Field(min_length=1)]
