"""Robust objectives on a Gaussian mixture, where everything is known exactly (side measure `mixture`)."""

from math import isclose
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from atbench.probes.base import ProbeSettings, ScaleProbe
from atbench.probes.mixture.form import MixtureForm
from atbench.runtime.files import digest
from atbench.spec.benchmark import Benchmark
from atbench.spec.fields import Entry, Many, Series, Size

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact


class Mixture(Entry):
    """A Gaussian mixture in one dimension."""

    weights: Series[Annotated[float, Field(gt=0, le=1)]]
    means: Series[Annotated[float, Field(ge=-1, le=1)]]
    deviations: Series[Annotated[float, Field(ge=0.05, le=1)]] = Field(description="the grid resolves no less")

    @model_validator(mode="after")
    def _whole(self) -> "Mixture":
        counts = len(self.weights), len(self.means), len(self.deviations)
        if len(set(counts)) > 1:
            raise ValueError(f"weights, means and deviations differ in number: {', '.join(map(str, counts))}")
        if not isclose(sum(self.weights), 1, rel_tol=1e-5):
            raise ValueError(f"weights: they sum to {sum(self.weights):g}, not to 1")
        return self


class Radii(Entry):
    """Radii of the balls of the two robust objectives."""

    kl: Many[Annotated[float, Field(gt=0, le=100)]] = Field(description="in nats")
    state: Many[Size]


class Settings(ProbeSettings):
    """mixture.yaml."""

    mixture: Mixture
    nfe: Annotated[int, Field(ge=2, le=50)]
    bumps: Many[Annotated[int, Field(ge=2, le=1000)]]
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
