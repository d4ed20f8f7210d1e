"""What a record of the cost of training batches holds."""

from typing import Annotated

from pydantic import Field

from atbench.spec.fields import Name
from atbench.spec.form import Count, Digest, Form, Index, Measured, Positive


class Row(Form):
    """A method of a suite."""

    suite: Name
    method: Name
    batch_size: Count
    parameters: Count
    student_forward: Index
    teacher_forward: Index
    target_forward: Index
    backward: Index
    updates: Index
    passes: Index
    held_bytes: Count
    batch_bytes: Count
    seconds: Annotated[list[Positive], Field(min_length=1)]


class Config(Form):
    """Digest."""

    cost: Digest


class CostForm(Measured):
    """``cost.json`` of a scale."""

    rows: Annotated[list[Row], Field(min_length=1)]
    config: Config
