"""tuning.yaml: the search that fills the scales' `tuned:` blocks."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from atbench.spec.fields import (
    FACTOR,
    Entry,
    Factor,
    Many,
    MethodName,
    MetricName,
    Nfe,
    SamplerName,
    Seed,
    Series,
    SuiteName,
)

Candidates = Annotated[Many[Factor], Field(min_length=4)]  # the constant has a range of its own besides

SamplerCandidates = Annotated[Series[dict[str, Any]], Field(min_length=4)]  # options, as under a scale's `sampling:`


class JudgingCells(Entry):
    """The cells that judge a candidate."""

    samplers: Many[SamplerName]
    nfe: Many[Nfe]


class Search(Entry):
    """The candidates of one suite."""

    cells: JudgingCells
    methods: Annotated[dict[MethodName, Annotated[dict[str, Candidates], Field(min_length=1)]], Field(min_length=1)] = (
        Field(
            description="method -> constant -> candidate values; each is searched with the others as `tuned:` has them"
        )
    )

    published: dict[MethodName, dict[str, Factor]] = Field(
        {}, description="method -> constant -> the candidate of its source, which another has to beat beyond its noise"
    )

    @model_validator(mode="after")
    def _tried(self) -> "Search":
        for method, constants in self.published.items():
            for constant, value in constants.items():
                if value not in self.methods.get(method, {}).get(constant, ()):
                    raise ValueError(f"published.{method}.{constant}: {value:g} is none of its candidates")
        return self

    def constants(self, method: str) -> dict[str, tuple[Any, ...]]:
        """Constant -> its candidate values, of those that are searched for a method."""
        return {key: tuple(values) for key, values in self.written()["methods"][method].items()}

    def to_beat(self, method: str) -> dict[str, float]:
        """Constant -> the candidate that another has to beat beyond its noise: the published one.

        The paper trains all methods at one rate: of factors on it 1 is published.
        """
        one = {FACTOR: 1.0} if 1 in self.methods[method].get(FACTOR, ()) else {}
        return one | dict(self.published.get(method, {}))


class SamplerSearch(Entry):
    """The candidates of training-free samplers, judged on the run of the suite's baseline."""

    nfe: Many[Nfe] = Field(description="of the cells that judge; each has a winner of its own")
    candidates: Annotated[dict[SamplerName, SamplerCandidates], Field(min_length=1)] = Field(
        description="sampler -> what is tried in place of its options"
    )


class TuningFile(Entry):
    """tuning.yaml."""

    suites: Annotated[dict[SuiteName, SuiteName], Field(min_length=1)] = Field(
        description="suite -> suite whose search it uses"
    )
    seed: Seed = Field(description="of all candidates: no reported run has it")
    metric: MetricName = Field(description="that judges; where a scale leads by it, the distance to training images")
    search: Annotated[dict[SuiteName, Search], Field(min_length=1)]
    samplers: dict[SuiteName, SamplerSearch] = Field({}, description="searched suite -> constants of its samplers")
