"""Robust objectives on a Gaussian mixture, where everything is known exactly (side measure `mixture`)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from atbench.probes.base import ProbeSettings, ScaleProbe
from atbench.probes.mixture.form import MixtureForm
from atbench.runtime.files import digest
from atbench.spec.benchmark import Benchmark
from atbench.spec.fields import Entry, Many, Positive, Series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact


class Mixture(Entry):
    """A Gaussian mixture in one dimension."""

    weights: Series[Positive]
    means: Series[Annotated[float, Field(ge=-1, le=1)]]
    deviations: Series[Annotated[float, Field(ge=0.05, le=1)]] = Field(description="the grid resolves no less")


class Radii(Entry):
    """Radii of the balls of the two robust objectives."""

    kl: Series[Positive]
    state: Series[Positive]


class Settings(ProbeSettings):
    """mixture.yaml."""

    mixture: Mixture
    nfe: Annotated[int, Field(ge=2, le=50)]
    bumps: Many[Annotated[int, Field(ge=2)]]
    radii: Radii


class MixtureProbe(ScaleProbe[Settings]):
    """One JSON and one figure per scale; no run is needed."""

    name = "mixture"
    sources = ("diffusion", "mismatch", "probes/mixture/measure.py")
    settings_type = Settings
    form = MixtureForm

    def digest(self, benchmark: Benchmark) -> str:
        return digest(self.settings(benchmark).written())

    def measure(self, benchmark: Benchmark) -> None:
        from atbench.probes.mixture.measure import measure

        measure(benchmark)

    def artefacts(self) -> "list[Artefact]":
        from atbench.report.artefact import FIGURE, Artefact

        return [Artefact(f"figures/{self.name}", "", FIGURE, _figure)]


def _figure(sheet: "Sheet") -> "Figure":
    from atbench.probes.mixture import page

    return page.figure(sheet.benchmark, page.collect(sheet.benchmark, sheet.root))


PROBE = MixtureProbe()
