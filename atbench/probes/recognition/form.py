"""What a record of the recognition of sampled images holds."""

from typing import Annotated

from pydantic import Field

from atbench.spec.fields import Hash, Name, Nfe
from atbench.spec.form import ROUNDING, Count, Digest, Form, Index, Measured

Part = Annotated[float, Field(ge=0, le=1)]


class Seen(Form):
    """What the classifier says of a set of images."""

    images: Count
    recognised: Part  # share of images whose top class is surer than asked for
    top: Part  # mean probability of the top class
    classes: Annotated[float, Field(ge=1 - ROUNDING)]  # effective number of the top classes


class Row(Seen):
    """The same of a cell."""

    method: Name
    seed: Index
    sampler: Name
    nfe: Nfe
    weights: Hash


class Classifier(Form):
    """The classifier, and how many held-out images it names rightly."""

    seed: Index
    batches: Count
    accuracy: Part


class Config(Form):
    """Digest."""

    recognition: Digest


class RecognitionForm(Measured):
    """``recognition.json`` of a scale."""

    classifier: Classifier
    real: Seen
    rows: Annotated[list[Row], Field(min_length=1)]
    config: Config
