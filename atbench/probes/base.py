"""What a side measure is: the door through which command line, workflow, report and release reach it.

Doors are imported with the experiment files, so they stay light: what measures (torch) and what draws (pandas,
matplotlib) stands in modules beside them and is imported when it is needed.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

from atbench.runtime.records import Record
from atbench.spec.address import ROOT
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.fields import Entry, Many, SuiteName
from atbench.spec.form import AnyForm, Form
from atbench.spec.metrics import Metric
from atbench.spec.run import CellSpec, RunSpec

if TYPE_CHECKING:
    import pandas as pd

    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact
    from atbench.report.page.panels import Panel


class ProbeSettings(Entry):
    """The type of a side measure's file in experiments/."""

    def claimable(self) -> tuple[str, ...]:
        """Metrics that a claim on this measure's points may use; none where claims cannot use it."""
        return ()

    @property
    def sampled(self) -> tuple[str, ...]:
        """Suites whose runs are sampled with its samplers and step counts."""
        return ()


class RunSettings(ProbeSettings):
    """The same of a side measure of runs."""

    suites: Many[SuiteName]

    @property
    def sampled(self) -> tuple[str, ...]:
        return tuple(self.suites)


AnySettings = TypeVar("AnySettings", bound=ProbeSettings)
AnyRunSettings = TypeVar("AnyRunSettings", bound=RunSettings)


class Probe(ABC, Generic[AnySettings]):
    """A side measure. Its one instance is called PROBE and stands in the module of its name in atbench/probes."""

    name: ClassVar[str]
    subject: ClassVar[Literal["run", "scale"]]
    sources: ClassVar[tuple[str, ...]]  # below atbench/, for `provenance.source_hash`: what can change its numbers
    settings_type: type[AnySettings]  # of experiments/<name>.yaml
    metrics: ClassVar[tuple[Metric, ...]] = ()  # of its own, which cells do not have
    form: ClassVar[type[Form]] = AnyForm  # of its records

    def settings(self, benchmark: Benchmark) -> AnySettings:
        """What its file says."""
        return benchmark.probe(self.name, self.settings_type)

    def claim_cells(self, run: RunSpec) -> list[CellSpec]:
        """The points of a run that a claim with ``points: <name>`` compares; none where claims cannot use it."""
        return []

    def claim_rows(self, sheet: "Sheet") -> "pd.DataFrame":
        """A row per such point of the sheet's suites and seeds: the axes of a cell, its status and the metrics."""
        import pandas as pd

        return pd.DataFrame()


class RunProbe(Probe[AnyRunSettings]):
    """A side measure of runs: one or more files of each."""

    subject = "run"
    compares_parents: ClassVar[bool] = False  # reads what the run started from too

    def suites(self, benchmark: Benchmark) -> list[str]:
        """The suites of the scale that it is about, in the order of the scale's file."""
        return [name for name in benchmark.suites if name in self.settings(benchmark).suites]

    def settings_of(self, run: RunSpec) -> AnyRunSettings:
        """`settings` of the benchmark that a run belongs to."""
        assert isinstance(run.suite, Suite)
        return self.settings(run.suite.benchmark)

    @abstractmethod
    def files(self, run: RunSpec) -> list[Path]:
        """What it writes about a run."""

    @abstractmethod
    def digest(self, run: RunSpec) -> str:
        """Digest of all that determines what it writes beyond the run's weights."""

    def digests(self, run: RunSpec) -> dict[str, str]:
        """The ``config`` block of a JSON of its own while that is current."""
        return {"training": run.digest, self.name: self.digest(run)}

    @abstractmethod
    def measure(self, run: RunSpec) -> None:
        """Measure a run and write its files."""

    def artefacts(self, suite: str) -> "list[Artefact]":
        """Table and figures of a suite."""
        return []

    def panels(self, sheet: "Sheet", suite: str) -> "list[Panel]":
        """The figures of a suite as the page draws them; its printed figures stand there where there are none."""
        return []


class ScaleProbe(Probe[AnySettings]):
    """A side measure of a scale: one JSON, results/<scale>/<name>.json."""

    subject = "scale"
    alone: ClassVar[bool] = False  # needs the machine to itself, or its times would be those of a busy one
    runs_networks: ClassVar[bool] = False  # trains or samples, so that a GPU is of use

    def path(self, benchmark: Benchmark) -> Path:
        """The JSON."""
        return Path(ROOT, benchmark.scale, f"{self.name}.json")

    def shown(self, benchmark: Benchmark, root: Path) -> Record | None:
        """The JSON below a scale's ``root``; None where it is missing, refused or was made by another configuration."""
        from atbench.reading.tree import Tree

        record = Tree(root).shown(Path(root) / self.path(benchmark).name, self.form)
        return record if record and record["config"] == self.digests(benchmark) else None

    def reads(self, benchmark: Benchmark) -> list[Path]:
        """Results of the scale that it is measured with: the workflow makes them before."""
        return []

    @abstractmethod
    def digest(self, benchmark: Benchmark) -> str:
        """Digest of all that determines it."""

    def digests(self, benchmark: Benchmark) -> dict[str, str]:
        """The ``config`` block of the JSON while that is current."""
        return {self.name: self.digest(benchmark)}

    @abstractmethod
    def measure(self, benchmark: Benchmark) -> None:
        """Measure and write the JSON."""

    def artefacts(self) -> "list[Artefact]":
        """Table and figures."""
        return []
