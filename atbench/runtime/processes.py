"""The processes that share one job under torchrun; alone, nothing here does anything.

Random numbers and shares of work are addressed by name, never by rank: a result does not depend on how many there are.
"""

import atexit
import os
from collections.abc import Sequence
from itertools import zip_longest

from torch import device as Device
from torch import distributed

NOTHING = object()  # fills the shorter shares when they are put together


def count() -> int:
    """How many share this job: WORLD_SIZE, which torchrun sets."""
    return int(os.environ.get("WORLD_SIZE", 1))


def first() -> bool:
    """Whether this one writes files and keeps the records."""
    return _rank() == 0


def _rank() -> int:
    return int(os.environ.get("RANK", 0))


def join(device: Device) -> None:
    """Meet the others; to be called before anything else of this module but `count` and `first`."""
    if count() > 1 and not distributed.is_initialized():
        distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
        atexit.register(distributed.destroy_process_group)


def share(items: Sequence) -> list:
    """This process's items, dealt out in turn."""
    return list(items[_rank() :: count()])


def gather(results: list) -> list:
    """The results of all `share`s in the order of the items dealt, on every process. Takes what can be pickled."""
    if count() == 1:
        return results
    shares = [None] * count()
    distributed.all_gather_object(shares, results)
    return [result for turn in zip_longest(*shares, fillvalue=NOTHING) for result in turn if result is not NOTHING]


def wait() -> None:
    """Go on when all have come this far."""
    gather([None])
