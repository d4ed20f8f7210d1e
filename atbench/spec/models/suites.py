"""suites/<name>.yaml: what is compared."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from atbench.spec.fields import Entry, Few, Many, MethodName, Name, Nfe, SamplerName
from atbench.spec.models.scale import Init

SCRATCH = "scratch"  # `init` of a suite whose networks start from random weights
IMPORTED = "imported"  # `init` of a suite whose weights come from files
PRETRAINED = "pretrained"  # `init: pretrained/<network>`: released weights, trained to predict noise


class View(Entry):
    """Some of the methods beside each other: a table and a figure."""

    title: str
    methods: Annotated[Many[MethodName], Field(min_length=2)]


class Curves(Entry):
    """The cells of every snapshot that make a convergence figure."""

    samplers: Many[SamplerName]
    nfe: Nfe


class Samples(Entry):
    """The cell whose images the figure of samples shows."""

    sampler: SamplerName
    nfe: Nfe


class SuiteFile(Entry):
    """A comparison of methods that start alike."""

    title: str
    paper: str = Field(description="the table or figure of the paper that it reproduces")
    methods: Many[MethodName] = Field(description="the first is the baseline, whose learning rate all use")
    controls: Few[MethodName] = Field((), description="further methods, of the scales that name them")
    samplers: Few[SamplerName] = Field(description="none where the suite only trains")
    rivals: Few[SamplerName] = Field((), description="further samplers, of the scales that name them")
    nfe: Many[Nfe] | Annotated[dict[SamplerName, Many[Nfe]], Field(min_length=1)] | None = Field(
        None, description="of all samplers, or of each; the scale's without it"
    )
    init: Init = Field(
        description="scratch, imported, or suite/method whose final weights every run of the same seed starts from"
    )
    space: Literal["pixel", "latent"] = Field("pixel", description="of the network; the autoencoder is the scale's")
    conditional: bool | Literal["caption"] = Field(description="on nothing, on the class, on a caption of it")
    views: dict[Name, View] = Field({}, description="for a suite of more methods than one figure can hold")
    curves: Curves | None = None
    grids: Samples | None = None

    @model_validator(mode="after")
    def _counted(self) -> "SuiteFile":
        curve, picture = self.curves.samplers if self.curves else (), (self.grids.sampler,) if self.grids else ()
        for sampler in (*self.samplers, *self.rivals, *curve, *picture):
            if isinstance(self.nfe, dict) and sampler not in self.nfe:
                raise ValueError(f"nfe: has no step counts of {sampler!r}, one of the samplers")
        return self
