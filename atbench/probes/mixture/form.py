"""What a record of robust objectives on a Gaussian mixture holds."""

from typing import Annotated

from pydantic import Field

from atbench.spec.form import ROUNDING, Digest, Form, Index, Measured, NotNegative

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


class MixtureForm(Measured):
    """``mixture.json`` of a scale."""

    rows: Annotated[list[Row], Field(min_length=1)]
    config: Config
