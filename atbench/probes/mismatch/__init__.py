"""The mismatch between training and sampling of a run's last step (side measure `mismatch`)."""

from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from atbench.probes.base import RunProbe, RunSettings
from atbench.probes.mismatch.form import MismatchForm
from atbench.runtime.files import digest
from atbench.runtime.provenance import SOURCES
from atbench.spec.address import FINAL
from atbench.spec.fields import MOST_NFE, Many, Repeats, SamplerName, Size, SuiteName
from atbench.spec.metrics import Metric
from atbench.spec.models.samplers import KINDS
from atbench.spec.run import CellSpec, RunSpec
from atbench.spec.signatures import hashes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact
    from atbench.report.page.panels import Panel
    from atbench.report.render import Table

METRICS = (
    Metric(
        "exposure",
        "exposure bias (Frechet distance of the states visited to q(x_t), geometric mean over timesteps)",
        "lower",
        0,
    ),
    Metric("exposure_floor", "the same of as many true states: what finite samples show of one law", "lower", 0),
)
FIGURES = ("exposure", "eps-norm", "recovery", "robust-loss")  # of a suite, by what they show


class Settings(RunSettings):
    """mismatch.yaml."""

    suites: Many[SuiteName] = Field(description="whose last steps are measured")
    samplers: Many[SamplerName] = Field(description="whose trajectories are compared with q(x_t)")
    nfe: Annotated[int, Field(ge=2, le=MOST_NFE)]
    draws: Repeats = Field(description="noisings of every training image behind q(x_t)")
    levels: Many[Annotated[int, Field(ge=1, le=999)]] = Field(description="timesteps of the robust loss")
    radii: Many[Size] = Field(description="of its balls, RMS per dimension")
    ascent_steps: Repeats

    def claimable(self) -> tuple[str, ...]:
        return tuple(metric.name for metric in METRICS)


class Mismatch(RunProbe[Settings]):
    """One JSON per run; claims compare the exposure along the trajectories that were followed."""

    name = "mismatch"
    sources = (*SOURCES["evaluation"], "training", "mismatch", "probes/mismatch/measure.py")
    settings_type = Settings
    form = MismatchForm
    metrics = METRICS

    def files(self, run: RunSpec) -> list[Path]:
        return [self.path(run)]

    def path(self, run: RunSpec) -> Path:
        """The JSON of a run."""
        return run.address.path / FINAL / "mismatch.json"

    def digest(self, run: RunSpec) -> str:
        settings = self.settings_of(run)
        samplers = {name: run.suite.sampler(name).written() for name in settings.samplers}
        judging = run.judging.slice_of(run.address.seed)
        judging.pop("plugins", None)  # metrics of cells, which play no part here
        plugins = reduce(or_, [hashes(sampler=KINDS[run.suite.sampler(name).kind]) for name in settings.samplers])
        own = {"plugins": plugins} if plugins else {}
        return digest({**settings.written(), "samplers": samplers, **judging, **own})

    def claim_cells(self, run: RunSpec) -> list[CellSpec]:
        """The points of a run whose sampling is followed."""
        settings = self.settings_of(run)
        return [run.cell(FINAL, sampler, settings.nfe) for sampler in settings.samplers]

    def claim_rows(self, sheet: "Sheet") -> "pd.DataFrame":
        from atbench.probes.mismatch.rows import claim_rows

        return claim_rows(sheet)

    def measure(self, run: RunSpec) -> None:
        from atbench.probes.mismatch.measure import measure

        measure(run)

    def artefacts(self, suite: str) -> "list[Artefact]":
        from atbench.report.artefact import FIGURE, TABLE, Artefact

        table = Artefact(f"tables/{suite}-{self.name}", suite, TABLE, partial(_table, suite))
        return [
            table,
            *(Artefact(f"figures/{suite}-{kind}", suite, FIGURE, partial(_figure, suite, kind)) for kind in FIGURES),
        ]

    def panels(self, sheet: "Sheet", suite: str) -> "list[Panel]":
        from atbench.probes.mismatch import panels, rows

        spec = sheet.suite(suite)
        return panels.panels(spec, rows.collect(spec, sheet.root, sheet.seeds_of(suite)))


def _table(suite: str, sheet: "Sheet") -> "Table":
    from atbench.probes.mismatch import page, rows

    return page.table(sheet.suite(suite), rows.collect(sheet.suite(suite), sheet.root, sheet.seeds_of(suite)))


def _figure(suite: str, kind: str, sheet: "Sheet") -> "Figure":
    from atbench.probes.mismatch import page, rows

    return page.figure(sheet.suite(suite), rows.collect(sheet.suite(suite), sheet.root, sheet.seeds_of(suite)), kind)


PROBE = Mismatch()
