"""config.yaml and `--config`: the defaults of the workflow, and what a command sets."""

from typing import Literal

from pydantic import Field

from atbench.runtime.device import STATE_MINUTES
from atbench.spec.fields import Count, Entry, Index, Many, Name, Positive, SuiteName


class WorkflowFile(Entry):
    """config.yaml with what `--config` says."""

    scale: Name
    suites: Many[SuiteName]
    seeds: Many[Index] | None = None
    cached: bool | Literal[0, 1] = False
    processes: Count = 1
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    state_minutes: Positive = Field(
        STATE_MINUTES, description="after which training sets its state aside, to be continued after a kill"
    )
