"""scales/<name>.yaml: how large the benchmark is. `diff paper.yaml workstation.yaml` is what a small run changes."""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, model_validator

from atbench.spec import plugins
from atbench.spec.fields import (
    FACTOR,
    Batches,
    Count,
    Entry,
    Factor,
    Few,
    Hash,
    Images,
    LearningRate,
    Many,
    MethodName,
    Name,
    Nfe,
    SamplerName,
    Seed,
    Share,
    Side,
    SuiteName,
    Whole,
    Workers,
    part_of,
)
from atbench.spec.models.evaluation import Evaluation, EvaluationPart
from atbench.spec.models.methods import PERTURBATIONS
from atbench.spec.models.training import Training, TrainingPart
from atbench.spec.plugins import Plugin
from atbench.spec.signatures import is_number

PUBLIC = (
    "cifar10",
    "fashion-mnist",
    "imagenet64",
)  # data sets whose name alone says which images they are, checked on reading
PLACE = ("path", "download")  # where the files of such a set lie changes no result
FolderName = Annotated[str, Field(pattern=r"^[^/]+$")]
Init = Annotated[str, Field(pattern=r"^(scratch|imported|[a-z0-9-]+/[a-z0-9-]+)$")]


class Data(Entry):
    """Images: a public data set by its name, or files of yours in one of the formats."""

    name: Name = Field(description="in results: of a public data set, or yours")
    format: Literal["cifar10", "fashion-mnist", "image-folder", "imagenet64"] | None = Field(
        None, description="of the files, under a name of yours"
    )
    path: str | None = Field(None, description="where they lie; or the variable ATBENCH_DATA_<NAME>")
    checksum: Literal["skip"] | None = Field(None, description="unverified images bear a name of their own")
    classes: str | None = Field(None, description="file that lists ImageNet's classes: labels sorted by WordNet number")
    download: bool | None = None
    resolution: Side | None = Field(None, description="pixels per side after resizing")
    channels: Annotated[Literal[1, 3], Whole] | None = None
    held_out: Share | None = Field(None, description="share of the images held out")
    held_out_folders: Many[FolderName] | None = Field(
        None, description="sub-folders that are held out whole, as pictures that crops were cut from; not classes then"
    )
    annotations: str | None = Field(None, description="file of captions")
    prompts: Images | None = Field(None, description="captions to draw images for")
    prompt_seed: Seed | None = None

    @model_validator(mode="after")
    def _unverified(self) -> "Data":
        if self.checksum and not self.format:
            raise ValueError("checksum: belongs to images with a format and a name of their own")
        return self

    @property
    def images(self) -> dict[str, Any]:
        """What of the block decides its images."""
        public = self.name in PUBLIC
        return {key: value for key, value in self.written().items() if not (public and key in PLACE)}


class Queue(Entry):
    """What jobs ask of a cluster's queue; part of no digest."""

    gpu: bool
    memory_gb: Annotated[float, Field(ge=1, le=100_000)] = Field(description="of one process, in GB")
    pass_ms: Annotated[float, Field(gt=0, le=3_600_000)] = Field(
        description="one image once through the network, in ms, as `atbench estimate` prints"
    )
    cell_minutes: Annotated[float, Field(gt=0, le=10_000)] = Field(description="metrics of one cell, in minutes")


QueuePart: Any = part_of(Queue)  # what a suite has of its own: any of the keys


class File(Entry):
    """A file of weights, known by its hash."""

    path: str
    sha256: Hash

    @model_validator(mode="after")
    def _named(self) -> "File":
        if "{" in self.path or "}" in self.path:
            raise ValueError(f"path: {self.path!r} has braces, which Snakemake takes for a wildcard: rename the file")
        return self


class Checkpoint(Entry):
    """The files of an imported run: its moving average, its weights themselves, or both."""

    batches: Batches = Field(description="that it was trained for")
    ema: File | None = Field(None, description="moving average, sampled from")
    raw: File | None = Field(None, description="the weights themselves, trained on")

    @model_validator(mode="after")
    def _one(self) -> "Checkpoint":
        if not self.files:
            raise ValueError("ema or raw is missing")
        return self

    @property
    def files(self) -> dict[str, File]:
        """Role -> file, of those declared."""
        return {role: file for role, file in (("ema", self.ema), ("raw", self.raw)) if file}


class Headline(Entry):
    """Cells that some seeds have alone, so that what decides is tried in many; the others have the whole grid."""

    seeds: Many[Seed]
    samplers: Many[SamplerName]
    nfe: Many[Nfe]


class SuiteSize(Entry):
    """How large a suite is at this scale, and what it has of its own there."""

    seeds: Many[Seed]
    search_seeds: Many[Seed] | None = Field(
        None, description="of the tuning search through it, none that is reported; that of tuning.yaml without them"
    )
    without: Few[MethodName] = Field((), description="methods of the suite that this scale leaves out")
    controls: Few[MethodName] = Field((), description="of the suite's controls, those that this scale trains too")
    rivals: Few[SamplerName] = Field((), description="of the suite's rivals, those that this scale samples with too")
    nfe: dict[SamplerName, Many[Nfe]] = Field({}, description="of single samplers, in place of the grid's")
    headline: Headline | None = Field(None, description="of some seeds: their final cells, in place of the whole grid")
    batches: Batches | None = Field(None, description="that a method of budget 1 trains on")
    snapshots: Count | None = Field(None, description="weights kept in the course of training, the last included")
    init: Init | None = Field(None, description="in place of the suite's own")
    data: Data | None = None
    judged_by: Data | None = Field(None, description="other images than those it trains on")
    evaluation: EvaluationPart | None = None
    queue: QueuePart | None = None
    sampling: dict[SamplerName, dict[str, Any]] = Field({}, description="options that its samplers have of their own")
    best_training_free: dict[SamplerName, SamplerName] = Field(
        {}, description="sampler -> its best training-free correction, that claims compare; named before any result"
    )
    model: dict[str, Any] | None = Field(None, description="constructor arguments of its network")
    training: TrainingPart | None = None
    imported: dict[MethodName, Checkpoint] | None = Field(
        None, description="of a suite with `init: imported`: method -> its files"
    )


RATES = ("learning_rate", FACTOR)  # constants that every method has


class _Tuned(Entry):
    """Constants that the tuning search chose at this size: of the suite's learning rate, and of its perturbations."""

    learning_rate: LearningRate | None = None
    learning_rate_factor: Factor | None = Field(
        None, description="on the baseline's learning rate, beside the method's"
    )


def tuned_type() -> Any:
    """The type of a method's constants in `tuned:`: those of the perturbations that there are."""
    return _tuned_type(plugins.present())


@cache
def _tuned_type(present: tuple[Plugin, ...]) -> Any:
    options = [option for found in PERTURBATIONS.values() for option in found.options if is_number(option.type)]
    tunable: dict[str, Any] = {
        option.name: (option.type | None, Field(None, description=option.note or None)) for option in options
    }
    return create_model("Tuned", __base__=_Tuned, __doc__=_Tuned.__doc__, **tunable)


class ScaleFile(Entry):
    """A scale: data, networks, batches, NFE, seeds and sample counts."""

    data: Data
    model: dict[str, Any] = Field(
        description="constructor arguments of the U-Net, of suites without a network of their own"
    )
    training: Training
    nfe: Many[Nfe] = Field(description="network evaluations of the grid")
    evaluation: Evaluation
    extractor: str = Field(description="of the features that distances are taken in")
    leads: Literal["fd", "fd_heldout"] = Field(
        "fd",
        description="distance that tables, figures and claims show first: to the training images, or to the held-out "
        "ones, where copying wins nothing; a verdict then has to stand by both. Part of no digest",
    )
    cross_checks: Many[Literal["legacy_tensorflow", "clean"]] | None = Field(
        None, description="FID once more by clean-fid, in these of its modes"
    )
    autoencoder: MethodName | None = Field(None, description="method of the suite autoencoder, for the latent suites")
    threads: Workers = Field(description="per process; the bits of a result depend on it")
    queue: Queue
    releases_weights: Many[SuiteName] = Field(
        (),
        description="suites of which `atbench release` keeps the averaged weights too, to sample from or judge by",
    )
    suites: Annotated[dict[SuiteName, SuiteSize], Field(min_length=1)]
    tuned: dict[SuiteName, dict[MethodName, Any]] = Field(
        description="what `tuned` stands for in methods.yaml, by suite and method"
    )


def scale_type() -> type[ScaleFile]:
    """The type of a scale, with the constants of the perturbations that there are."""
    return _scale_type(plugins.present())


@cache
def _scale_type(present: tuple[Plugin, ...]) -> type[ScaleFile]:
    described = Field(description=ScaleFile.model_fields["tuned"].description)
    tuned: Any = (dict[SuiteName, dict[MethodName, tuned_type()]], described)  # type: ignore[misc]
    return create_model("ScaleFile", __base__=ScaleFile, __doc__=ScaleFile.__doc__, tuned=tuned)
