"""What a training batch of each method costs (side measure `cost`)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from atbench.probes.base import ProbeSettings, ScaleProbe
from atbench.probes.cost.form import CostForm
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.runtime.provenance import SOURCES
from atbench.spec.benchmark import Benchmark
from atbench.spec.fields import Many, MethodName, Repeats, SuiteName
from atbench.spec.run import RunSpec

if TYPE_CHECKING:
    import pandas as pd

    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact
    from atbench.report.render import Table

BASELINE = ("scratch", "adm")  # suite and method that the cost of all others is a ratio to


class Settings(ProbeSettings):
    """cost.yaml."""

    methods: Annotated[dict[SuiteName, Many[MethodName]], Field(min_length=1)] = Field(
        description="suite, whose network and batches are taken -> methods, the plain one first"
    )
    warm_up: Repeats = Field(description="turns that are not counted: the first batch makes the optimizer's state")
    turns: Repeats


class Cost(ScaleProbe[Settings]):
    """One JSON and one table per scale."""

    name = "cost"
    alone = True
    runs_networks = True
    sources = (*SOURCES["training"], "probes/cost/measure.py")
    settings_type = Settings
    form = CostForm
    baseline = BASELINE

    def runs(self, benchmark: Benchmark) -> list[RunSpec]:
        """Runs whose training batches stand for what a method costs; the first of a suite is its plain one.

        Suites that the scale lacks are left out, and those on released weights: they do not fit beside the others.
        Raises UserError without the run that all ratios are to.
        """
        declared = self.settings(benchmark).methods
        here = [suite for suite in declared if suite in benchmark.suites and not benchmark.suite(suite).pretrained]
        found = [(suite, method) for suite in here for method in declared[suite]]
        if BASELINE not in found:
            raise UserError(f"experiments/cost.yaml: methods: {'/'.join(BASELINE)} is missing, which ratios are to")
        return [benchmark.suite(suite).run(method, 0) for suite, method in found]

    def digest(self, benchmark: Benchmark) -> str:
        return digest([self.settings(benchmark).written(), *(run.digest for run in self.runs(benchmark))])

    def measure(self, benchmark: Benchmark) -> None:
        from atbench.probes.cost.measure import measure

        measure(benchmark)

    def artefacts(self) -> "list[Artefact]":
        from atbench.report.artefact import TABLE, Artefact

        return [Artefact(f"tables/{self.name}", "", TABLE, _table)]

    def numbers(self, sheet: "Sheet") -> "pd.DataFrame":
        """A row per suite and method, with ratios to BASELINE; no row without results."""
        return _table(sheet).numbers


def _table(sheet: "Sheet") -> "Table":
    from atbench.probes.cost import page

    return page.table(sheet.benchmark, PROBE.shown(sheet.benchmark, sheet.root))


PROBE = Cost()
