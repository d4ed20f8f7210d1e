"""Forms of records: what each kind of them holds, in which ranges. What cannot be is refused by its key."""

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from atbench.spec.address import NAME
from atbench.spec.fields import Fraction, Hash, Name, Nfe
from atbench.spec.form import (
    CellAxes,
    Commit,
    Count,
    Digest,
    Form,
    Index,
    Metrics,
    NotNegative,
    Positive,
    Provenance,
    RunAxes,
    Seconds,
    Spent,
    in_range,
)


class CellCounts(Spent):
    """Counts of a cell: what its weights have spent, and what its metrics rest on."""

    samples: Count
    reference: Count
    nfe: Nfe = Field(description="network evaluations per image, as counted")


class CellDigests(Form):
    """Digests of all that determines a cell."""

    training: Digest
    evaluation: Digest


class CellInputs(Form):
    """SHA-256 of what a cell was made from."""

    weights: Hash
    reference: Hash
    extractor: str
    autoencoder: Hash | None = None
    pipeline: str | None = None
    prompts: str | None = None
    clip: str | None = None


class CellForm(Form):
    """A cell."""

    cell: CellAxes
    metrics: Metrics
    counts: CellCounts
    config: CellDigests
    inputs: CellInputs
    provenance: Provenance
    warnings: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _nfe_is_that_of_the_address(self) -> "CellForm":
        if self.counts.nfe != self.cell.nfe:
            raise ValueError(f"counts.nfe {self.counts.nfe} is not that of its address, {self.cell.nfe}")
        return self


class Images(Form):
    """A set of images."""

    name: str
    hash: str
    images: Count


class File(Form):
    """A file of a run."""

    sha256: Hash
    bytes: Index


class RunForm(Form):
    """The ``config.json`` of a finished run."""

    digest: Digest
    slice: dict[str, Any]
    data: Images | None = None
    inputs: dict[str, str] = Field(default_factory=dict)
    files: dict[str, File] = Field(default_factory=dict, description="by path below the run's folder")
    imported: dict[str, str] = Field(default_factory=dict, description="names of checkpoints, by role")
    warnings: list[str] = Field(default_factory=list)
    counts: Spent
    parameters: Count
    seconds: Seconds
    provenance: Provenance


class EvaluationForm(Form):
    """What the cells of a run were made from."""

    run: RunAxes
    cells: Count
    weights: dict[str, Hash]


class Mean(Form):
    """A metric over repeats."""

    mean: float
    std: NotNegative


class RowsCounts(Form):
    """Images behind the rows."""

    train: Count
    heldout: Count
    samples: Count
    floor_repeats: Count


class RowsExtractor(Form):
    """What tells whether an extractor's distances mean something."""

    name: str
    hash: str
    feature_rank: Positive
    heldout_accuracy: Fraction | None = None


class RowsInputs(Form):
    """What the rows were made from."""

    reference: Hash
    data: dict[str, str]


def _means_in_range(values: dict[str, Mean]) -> dict[str, Mean]:
    in_range({name: value.mean for name, value in values.items()})
    return values


class RowsForm(Form):
    """Floor, held-out and ceiling rows of a set of real images."""

    model_config = ConfigDict(validate_by_name=True)

    floor: Annotated[dict[str, Mean], AfterValidator(_means_in_range), Field(min_length=1)]
    held_out: Metrics = Field(alias="held-out")
    ceiling: Metrics
    distance_name: str
    counts: RowsCounts
    extractor: RowsExtractor
    inputs: RowsInputs
    seconds: Seconds
    provenance: Provenance


class ReconstructionForm(Form):
    """Real images after an autoencoder."""

    reconstruction: Metrics
    inputs: dict[str, str]
    provenance: Provenance
    counts: dict[str, Count]


class AgainstForm(Form):
    """Distances to real images that others publish, whose content nobody can check."""

    file: str
    sha256: Hash
    images: Index = Field(description="that the file holds; none where it holds moments alone")
    metrics: Metrics


class ForeignForm(Form):
    """Images made elsewhere."""

    name: Name
    samples: str
    metrics: Metrics
    counts: dict[str, Count]
    inputs: dict[str, str]
    provenance: Provenance
    against: dict[Name, AgainstForm] = Field(default_factory=dict, description="by the name that the user gave")


class Spending(Form):
    """CPU seconds by kind."""

    model_config = ConfigDict(validate_by_name=True)

    training: NotNegative
    sampling: NotNegative
    metrics: NotNegative
    start_up: NotNegative = Field(alias="start-up")
    total: NotNegative
    share: Annotated[float, Field(ge=0, le=100, alias="start-up share")]


class TimeForm(Form):
    """CPU seconds behind the released results of each suite."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Spending]


Manifested = dict[Annotated[str, Field(pattern=r"^[^/]")], Hash]


class ManifestForm(Form):
    """Every released file of a scale."""

    commit: Commit
    dirty: bool
    scale: Annotated[str, Field(pattern=f"^{NAME}$")]
    protocol: Count = 1
    files: Manifested
