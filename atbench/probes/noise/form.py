"""What the records of the noise of training hold."""

from typing import Annotated

from pydantic import Field

from atbench.spec.fields import Name, Nfe
from atbench.spec.form import Count, Digest, Form, Index, Measured, NotNegative, Positive, Provenance


class Distance(Form):
    """A cell of a training under an average of some length."""

    average: Positive
    sampler: Name
    nfe: Nfe
    fd_heldout: NotNegative


class PieceForm(Form):
    """``noise/<setting>/seed<S>-twin<k>.json`` of a scale."""

    distances: Annotated[list[Distance], Field(min_length=1)]
    batches: Count
    batch_size: Count
    config: dict[str, Digest]
    provenance: Provenance


class Row(Distance):
    """The same with the training that it is of."""

    setting: Name
    seed: Index
    twin: Index


class Config(Form):
    """Digest."""

    noise: Digest


class NoiseForm(Measured):
    """``noise.json`` of a scale."""

    rows: Annotated[list[Row], Field(min_length=1)]
    config: Config
