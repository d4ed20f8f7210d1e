"""config.yaml and `--config`: the defaults of the workflow, and what a command sets."""

from typing import Annotated, Literal

from pydantic import Field

from atbench.runtime.device import STATE_MINUTES
from atbench.spec.fields import Entry, Few, Many, Name, Positive, Seed, SuiteName, Whole, Workers


class WorkflowFile(Entry):
    """config.yaml with what `--config` says."""

    scale: Name
    suites: Many[SuiteName]
    seeds: Many[Seed] | None = None
    cached: bool | Annotated[Literal[0, 1], Whole] = False
    retrain: bool | Annotated[Literal[0, 1], Whole] = Field(
        False, description="train also what there are released weights of"
    )
    processes: Workers = 1
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    plugins: Few[str] = Field(
        (), description="Python files of yours, from the checkout, or installed metrics by name: their code is run"
    )
    state_minutes: Positive = Field(
        STATE_MINUTES, description="after which training sets its state aside, to be continued after a kill"
    )
