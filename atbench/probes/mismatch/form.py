"""What a record of the mismatch of a run holds."""

from typing import Annotated

from pydantic import Field

from atbench.spec.fields import Hash, Name
from atbench.spec.form import Digest, Form, Index, Measured, NotNegative, Positive, RunAxes


class Exposure(Form):
    """The states visited at a timestep against q(x_t)."""

    t: Index
    distance: Positive
    floor: NotNegative
    eps_sampled: NotNegative
    eps_true: NotNegative


class Recovery(Form):
    """What is left of the noise at a timestep."""

    t: Index
    error: NotNegative
    recovered: float


class RobustLoss(Form):
    """The loss in a ball around x_t."""

    t: Index
    radius: Positive
    clean: NotNegative
    random: NotNegative
    published: NotNegative
    worst: NotNegative


class Config(Form):
    """Digests."""

    training: Digest
    mismatch: Digest


class Inputs(Form):
    """What was measured."""

    weights: Hash


class MismatchForm(Measured):
    """``mismatch.json`` of a run."""

    run: RunAxes
    exposure: Annotated[dict[Name, list[Exposure]], Field(min_length=1)]
    recovery: list[Recovery]
    robust_loss: list[RobustLoss]
    config: Config
    inputs: Inputs
