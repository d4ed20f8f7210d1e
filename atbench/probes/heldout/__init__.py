"""The loss on held-out images before and after a run's training (side measure `heldout`)."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from atbench.probes.base import RunProbe, RunSettings
from atbench.probes.heldout.form import HeldoutForm
from atbench.runtime.files import digest
from atbench.runtime.provenance import SOURCES
from atbench.spec.address import FINAL
from atbench.spec.fields import Many, SuiteName, Timestep
from atbench.spec.run import RunSpec


class Settings(RunSettings):
    """heldout.yaml."""

    suites: Many[SuiteName] = Field(description="whose runs can be measured")
    levels: Many[Timestep] = Field(description="timesteps, from little noise to nearly nothing else")
    images: Annotated[int, Field(ge=2, le=10**7)] = Field(
        description="drawn from the held-out split, or all of it where there are fewer"
    )


class Heldout(RunProbe[Settings]):
    """One JSON per run, without a table."""

    name = "heldout"
    compares_parents = True
    sources = (*SOURCES["training"], "probes/heldout/measure.py")
    settings_type = Settings
    form = HeldoutForm

    def files(self, run: RunSpec) -> list[Path]:
        return [self.path(run)]

    def path(self, run: RunSpec) -> Path:
        """The JSON of a run."""
        return run.address.path / FINAL / "heldout.json"

    def digest(self, run: RunSpec) -> str:
        """Which other suites can be measured does not matter."""
        chosen = {name: value for name, value in self.settings_of(run).written().items() if name != "suites"}
        return digest({**chosen, "data": run.suite.data.images})

    def measure(self, run: RunSpec) -> None:
        from atbench.probes.heldout.measure import measure

        measure(run)


PROBE = Heldout()
