"""How far trainings end apart that differ by nothing that a comparison is about (side measure `noise`).

Gains are compared in pairs: two methods from one seed meet the same weights, batches and latents. What that pairing is
worth, and which gain it can show, is a matter of the training's own noise. Here one method alone is trained, from
several seeds and from every seed again with weights that are moved by a hundred-thousandth, under several settings.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from atbench.probes.base import ProbeSettings, ScaleProbe
from atbench.probes.noise.form import NoiseForm
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.runtime.provenance import SOURCES
from atbench.spec import budget
from atbench.spec.address import FINAL, ROOT
from atbench.spec.benchmark import Benchmark
from atbench.spec.fields import Count, Entry, Factor, Images, Many, MethodName, Name, Repeats, Seed, Share, SuiteName
from atbench.spec.models.training import Length
from atbench.spec.models.tuning import JudgingCells
from atbench.spec.run import CellSpec, RunSpec

if TYPE_CHECKING:
    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact
    from atbench.report.render import Table


class Setting(Entry):
    """How the method is trained; what is not written is the suite's own."""

    label: str
    suite: SuiteName = Field("scratch", description="whose network, batches and rate are taken")
    learning_rate_factor: Factor = 1.0
    batch_size_factor: Count = Field(1, description="images of a batch, in units of the suite's; as many batches")
    batches_factor: Factor = Field(1.0, description="batches, in units of the suite's")
    warm_up_share: Share | None = Field(None, description="of the batches, over which the rate rises from zero")


class Settings(ProbeSettings):
    """noise.yaml."""

    method: MethodName = Field(description="trained; one update a batch, from random weights")
    seeds: Annotated[Many[Seed], Field(min_length=2)] = Field(description="none that a result is reported of")
    twins: Repeats = Field(description="further trainings of every seed, their initial weights jittered")
    jitter: Annotated[float, Field(gt=0, le=1)] = Field(description="standard deviation of what weights are moved by")
    averages: Many[Length] = Field(description="lengths of the average of the weights, all kept of one training")
    cells: JudgingCells = Field(description="whose distances are compared")
    images: Images = Field(description="of each of them; a multiple of the block that are sampled at once is best")
    settings: Annotated[dict[Name, Setting], Field(min_length=1)]

    @property
    def sampled(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(setting.suite for setting in self.settings.values()))


@dataclass(frozen=True)
class Piece:
    """One training with its distances: what is kept when the measurement is interrupted."""

    settings: Settings
    setting: str  # one of them, by name
    run: RunSpec  # the suite's own, from the seed
    twin: int  # 0: its weights are as drawn

    @property
    def how(self) -> Setting:
        """Its setting."""
        return self.settings.settings[self.setting]

    @property
    def batches(self) -> int:
        """Batches that it is trained on."""
        return max(1, round(self.run.batches * self.how.batches_factor))

    @property
    def batch_size(self) -> int:
        """Images of a batch."""
        return int(self.run.suite.training.batch_size * self.how.batch_size_factor)

    @property
    def cells(self) -> list[CellSpec]:
        """The cells that are compared, as the run would have them."""
        chosen = self.settings.cells
        return [self.run.cell(FINAL, sampler, nfe) for sampler in chosen.samplers for nfe in chosen.nfe]

    @property
    def path(self) -> Path:
        """Its record."""
        name = f"seed{self.run.address.seed}-twin{self.twin}.json"
        return Path(ROOT, self.run.suite.scale, Noise.name, self.setting, name)

    @cached_property
    def digest(self) -> str:
        """Digest of all that determines its distances. Other settings, seeds and twins do not; nor does what a pilot
        helps to choose for the runs that are reported: their average, and the images and metrics of their cells."""
        how = {key: value for key, value in self.how.written().items() if key not in ("label", "suite")}
        shared = {key: self.settings.written()[key] for key in ("averages", "images")}
        moved = {"twin": self.twin, "jitter": self.settings.jitter} if self.twin else {}
        training = {key: value for key, value in self.run.slice.items() if key not in ("ema", "snapshots")}
        reported = self.run.suite.evaluation.written()
        cells = [{key: value for key, value in cell.slice.items() if key not in reported} for cell in self.cells]
        spent = {"batches": self.batches, "batch_size": self.batch_size}
        return digest({"training": training, "evaluation": cells, **how, **shared, **moved, **spent})


class Noise(ScaleProbe[Settings]):
    """One JSON and one table per scale; its pieces lie beside the JSON."""

    name = "noise"
    runs_networks = True
    sources = (*SOURCES["training"], *SOURCES["evaluation"], "probes/noise/measure.py")
    settings_type = Settings
    form = NoiseForm

    def here(self, benchmark: Benchmark) -> dict[str, Setting]:
        """The settings whose suite the scale has."""
        found = self.settings(benchmark).settings
        return {name: how for name, how in found.items() if how.suite in benchmark.suites}

    def pieces(self, benchmark: Benchmark) -> list[Piece]:
        """Every training, setting after setting. Raises UserError for a method that cannot be measured so."""
        settings = self.settings(benchmark)
        pieces = [
            Piece(settings, name, benchmark.suite(how.suite).run(settings.method, seed), twin)
            for name, how in self.here(benchmark).items()
            for seed in settings.seeds
            for twin in range(1 + settings.twins)
        ]
        for run in dict.fromkeys(piece.run for piece in pieces):
            if run.checkpoint or run.parents or run.suite.pretrained or budget.updates_per_batch(run.method) != 1:
                reason = "must make one update a batch, from random weights"
                raise UserError(f"experiments/noise.yaml: method: {run}: {reason}")
        return pieces

    def reads(self, benchmark: Benchmark) -> list[Path]:
        suites = dict.fromkeys(how.suite for how in self.here(benchmark).values())
        return list(dict.fromkeys(benchmark.suite(suite).judging.reference_path() for suite in suites))

    def digest(self, benchmark: Benchmark) -> str:
        return digest([[str(piece.path), piece.digest] for piece in self.pieces(benchmark)])

    def measure(self, benchmark: Benchmark) -> None:
        from atbench.probes.noise.measure import measure

        measure(benchmark)

    def artefacts(self) -> "list[Artefact]":
        from atbench.report.artefact import TABLE, Artefact

        return [Artefact(f"tables/{self.name}", "", TABLE, _table)]


def _table(sheet: "Sheet") -> "Table":
    from atbench.probes.noise import page

    return page.table(sheet.benchmark, PROBE.shown(sheet.benchmark, sheet.root))


PROBE = Noise()
