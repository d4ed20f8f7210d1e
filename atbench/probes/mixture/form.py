"""What a record of robust objectives on a Gaussian mixture holds."""

from typing import Annotated, Any

from pydantic import Field

from atbench.spec.form import ROUNDING, Digest, Form, Index, NotNegative, Provenance

Divergence = Annotated[float, Field(ge=-ROUNDING)]  # by integration on a grid


class Row(Form):
    """A fit."""

    bumps: Index
    objective: str
    radius: NotNegative
    t: Index
    kl_pq: Divergence
    kl_qp: Divergence
    nll: float
    bound: float
    loss: float
    visited: Divergence
    worst: float | None = None
    inside: bool | None = None


class Config(Form):
    """Digest."""

    mixture: Digest


class MixtureForm(Form):
    """``mixture.json`` of a scale."""

    rows: Annotated[list[Row], Field(min_length=1)]
    settings: dict[str, Any]
    config: Config
    provenance: Provenance
