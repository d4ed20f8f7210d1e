"""What can be measured: rows, which compare two sides, and curves, which show how a time of ours grows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from benchmarks.method import Action, Budget, Stopwatch, on_cpu, on_cuda
from benchmarks.record import Quantity

Result = TypeVar("Result")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Disagreement(Exception):
    """Both sides came to different results: what they took is not to be compared."""


@dataclass(frozen=True)
class Column:
    """A way to measure a row."""

    name: str
    device: str = "cpu"
    precision: str = "fp32"
    compiled: bool = False  # both sides, by torch.compile; the compilation is no part of a sample

    @property
    def watch(self) -> Stopwatch:
        """Events time a GPU: calls return before it is done."""
        return on_cuda if self.device == "cuda" else on_cpu

    @property
    def judged_by(self) -> Quantity:
        """The quantity whose ratio counts."""
        return "gpu" if self.device == "cuda" else "cpu"


EAGER, COMPILED = Column("eager"), Column("compiled", compiled=True)
GPU = (
    Column("cuda", "cuda"),
    Column("cuda-bf16", "cuda", "bf16"),
    Column("cuda-bf16-compiled", "cuda", "bf16", compiled=True),
)


@dataclass(frozen=True)
class Setting:
    """How a row is measured this time."""

    column: Column
    quick: bool
    scratch: Path  # a folder for files, gone afterwards

    @property
    def device(self) -> torch.device:
        """Where tensors live."""
        return torch.device(self.column.device)

    def in_precision(self, action: Callable[[], Result]) -> Result:
        """What an action gives, in the column's precision; ours has it in its recipe where it trains."""
        dtype = DTYPES[self.column.precision]
        with torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32):
            return action()

    def compile(self, *networks: nn.Module) -> None:
        """Compile networks in a compiled column, in place."""
        for network in networks if self.column.compiled else ():
            network.compile()

    def budget(self, seconds: float, least: int = 5, most: int = 40) -> Budget:
        """Turns of a row: of a quick run few, of a full one as many as fit into the seconds; compiled, half as many."""
        if self.quick:
            return Budget(2, 3, 2.0, sample=0.1)
        return Budget(min(least, 3), most, seconds / 2) if self.column.compiled else Budget(least, most, seconds)


@dataclass(frozen=True)
class Contest:
    """A row, ready to be measured."""

    ours: Action
    peer: Action
    agreement: Callable[[], str]  # called at the end: how far both came to the same. Raises Disagreement
    budget: Budget
    counted: bool = False  # count the floating-point operations of ours
    warm: bool = True
    watch: Stopwatch | None = None  # where it is not the column's
    judged_by: Quantity | None = None


@dataclass(frozen=True)
class Row:
    """Ours against a peer."""

    name: str
    what: str  # is done by both, once
    ours: str  # how, by ours
    peer: str
    make: Callable[[Setting], Contest]  # raises `peers.Absent`
    columns: tuple[Column, ...] = (EAGER,)
    goal: float | None = None


@dataclass(frozen=True)
class Growth:
    """A curve, ready to be measured."""

    actions: Mapping[int, Action]
    budget: Budget
    warm: bool = True


@dataclass(frozen=True)
class Curve:
    """How a time of ours grows; one column only, eager."""

    name: str
    what: str
    size: str  # what grows
    make: Callable[[Setting], Growth]
    columns: tuple[Column, ...] = (EAGER,)
