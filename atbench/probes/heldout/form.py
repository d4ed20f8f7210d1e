"""What a record of the loss on held-out images holds."""

from atbench.spec.fields import Hash
from atbench.spec.form import Count, Digest, Form, Index, Measured, NotNegative, RunAxes, Spent


class Error(Form):
    """A mean with its standard error."""

    mse: NotNegative
    se: NotNegative


class EpsMse(Form):
    """The error at a timestep, before and after training."""

    t: Index
    before: Error
    after: Error


class VarianceFraction(Form):
    """The learned variance at a timestep, from beta-tilde (0) to beta (1)."""

    t: Index
    before: float
    after: float


class Counts(Spent):
    """Counts behind the errors."""

    images: Count
    parameters: Count


class Config(Form):
    """Digests."""

    training: Digest
    heldout: Digest


class Split(Form):
    """A set of images."""

    name: str
    hash: str


class Inputs(Form):
    """What was measured, and on which images."""

    weights: Hash
    data: dict[str, Split]


class HeldoutForm(Measured):
    """``heldout.json`` of a run."""

    run: RunAxes
    eps_mse: list[EpsMse]
    variance_fraction: list[VarianceFraction]
    counts: Counts
    config: Config
    inputs: Inputs
