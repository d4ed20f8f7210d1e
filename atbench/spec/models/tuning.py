"""tuning.yaml: the search that fills the scales' `tuned:` blocks."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from atbench.spec.fields import Entry, Factor, Many, MethodName, MetricName, Nfe, SamplerName, Seed, Series, SuiteName

Candidates = Annotated[Many[Factor], Field(min_length=4)]  # the constant has a range of its own besides

SamplerCandidates = Annotated[Series[dict[str, Any]], Field(min_length=4)]  # options, as under a scale's `sampling:`


class JudgingCells(Entry):
    """The cells that judge a candidate."""

    samplers: Many[SamplerName]
    nfe: Many[Nfe]


class Search(Entry):
    """The candidates of one suite."""

    cells: JudgingCells
    methods: Annotated[
        dict[MethodName, Annotated[dict[str, Candidates], Field(min_length=1, max_length=1)]], Field(min_length=1)
    ] = Field(description="method -> its one searched constant -> candidate values")

    published: dict[MethodName, Factor] = Field(
        {}, description="method -> the candidate that its source has, which another has to beat beyond its own noise"
    )

    @model_validator(mode="after")
    def _tried(self) -> "Search":
        for method, value in self.published.items():
            if method not in self.methods or value not in self.candidates(method)[1]:
                raise ValueError(f"published.{method}: {value:g} is none of its candidates")
        return self

    def candidates(self, method: str) -> tuple[str, tuple[Any, ...]]:
        """The constant that is searched for a method, and its values."""
        [(constant, _)] = self.methods[method].items()
        return constant, tuple(self.written()["methods"][method][constant])


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
