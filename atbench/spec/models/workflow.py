"""config.yaml and `--config`: the defaults of the workflow, and what a command sets."""

from typing import Literal

from atbench.spec.fields import Count, Entry, Index, Many, Name, SuiteName


class WorkflowFile(Entry):
    """config.yaml with what `--config` says."""

    scale: Name
    suites: Many[SuiteName]
    seeds: Many[Index] | None = None
    cached: bool | Literal[0, 1] = False
    processes: Count = 1
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
