"""Step counts beyond the grid (side measure `wide`): cells like any other, made by a target that one asks for."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from atbench.probes.base import RunProbe, RunSettings
from atbench.runtime.files import digest
from atbench.runtime.provenance import SOURCES
from atbench.spec import grid
from atbench.spec.address import FINAL
from atbench.spec.fields import Many, Nfe, SamplerName
from atbench.spec.metrics import METRICS
from atbench.spec.run import CellSpec, RunSpec

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact
    from atbench.report.page.panels import Panel
    from atbench.report.render import Table


class Settings(RunSettings):
    """wide.yaml."""

    samplers: Many[SamplerName]
    nfe: Many[Nfe] = Field(description="the last: every timestep of training")

    def claimable(self) -> tuple[str, ...]:
        return tuple(METRICS)


class Wide(RunProbe[Settings]):
    """A table and a figure of the grid and the wider one together; claims compare what lies beyond the grid."""

    name = "wide"
    sources = SOURCES["evaluation"]
    settings_type = Settings

    def claim_cells(self, run: RunSpec) -> list[CellSpec]:
        """The cells of a run's last step beyond its grid; none where its suite has no wider grid."""
        settings = self.settings_of(run)
        if run.suite.name not in settings.suites:
            return []
        declared = {cell.address for cell in run.cells}
        samplers = grid.fitting(run.suite, run.method, settings.samplers)
        found = [run.cell(FINAL, sampler, nfe) for sampler in samplers for nfe in settings.nfe]
        return [cell for cell in found if cell.address not in declared]

    def files(self, run: RunSpec) -> list[Path]:
        return [cell.address.path for cell in self.claim_cells(run)]

    def digest(self, run: RunSpec) -> str:
        return digest([cell.digest for cell in self.claim_cells(run)])

    def claim_rows(self, sheet: "Sheet") -> "pd.DataFrame":
        from atbench.probes.wide.page import claim_rows

        return claim_rows(sheet)

    def measure(self, run: RunSpec) -> None:
        from atbench.probes.wide.measure import measure

        measure(run)

    def artefacts(self, suite: str) -> "list[Artefact]":
        from atbench.report.artefact import FIGURE, TABLE, Artefact

        stem = f"{suite}-{self.name}"
        return [
            Artefact(f"tables/{stem}", suite, TABLE, partial(_table, suite)),
            Artefact(f"figures/{stem}", suite, FIGURE, partial(_figure, suite)),
        ]

    def panels(self, sheet: "Sheet", suite: str) -> "list[Panel]":
        from atbench.probes.wide import page

        return page.panels(sheet, suite)


def _table(suite: str, sheet: "Sheet") -> "Table":
    from atbench.probes.wide import page

    return page.table(sheet, suite)


def _figure(suite: str, sheet: "Sheet") -> "Figure":
    from atbench.probes.wide import page

    return page.figure(sheet, suite)


PROBE = Wide()
