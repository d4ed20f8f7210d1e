"""Which share of sampled images a classifier trained apart recognises (side measure `recognition`).

A distance in features says how far samples are from real images, and not whether one of them shows anything. Here a
classifier that no distance uses is asked: how often is it sure of a class, of samples and of images held out.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from atbench.probes.base import ProbeSettings, ScaleProbe
from atbench.probes.recognition.form import RecognitionForm
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest
from atbench.runtime.provenance import SOURCES
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Benchmark
from atbench.spec.fields import Many, MethodName, Seed, Share, SuiteName
from atbench.spec.models.tuning import JudgingCells
from atbench.spec.run import CellSpec, RunSpec

if TYPE_CHECKING:
    from atbench.reading.sheet import Sheet
    from atbench.report.artefact import Artefact
    from atbench.report.render import Table


class Settings(ProbeSettings):
    """recognition.yaml."""

    seed: Seed = Field(description="of the classifier; not that of the one whose features measure distances")
    sure: Share = Field(description="an image is recognised when its top class has a greater probability")
    suite: SuiteName = Field(description="whose runs are sampled")
    methods: Many[MethodName]
    seeds: Many[Seed] = Field(description="of the runs")
    cells: JudgingCells

    @property
    def sampled(self) -> tuple[str, ...]:
        return (self.suite,)


class Recognition(ScaleProbe[Settings]):
    """One JSON and one table per scale."""

    name = "recognition"
    runs_networks = True
    sources = (*SOURCES["training"], *SOURCES["evaluation"], "probes/recognition/measure.py")
    settings_type = Settings
    form = RecognitionForm

    def classifier(self, benchmark: Benchmark) -> RunSpec:
        """The training of the scale's own classifier, from the seed of the settings.

        Raises UserError where the scale trains none on its images, and where the seed is that of the features.
        """
        settings = self.settings(benchmark)
        judging = benchmark.suite(settings.suite).judging
        extractor = judging.extractor
        if extractor is None or not judging.knows_classes:
            reason = f"scale {benchmark.scale} trains no classifier on the images of {settings.suite}"
            raise UserError(f"experiments/recognition.yaml: suite: {reason}")
        own = extractor.address
        if settings.seed == own.seed:
            raise UserError(f"experiments/recognition.yaml: seed: {own.seed} is that of the features of distances")
        return benchmark.suite(own.suite).run(own.method, settings.seed)

    def cells(self, benchmark: Benchmark) -> list[CellSpec]:
        """The cells that are sampled, on or off the grid, run by run; of the seeds that the suite has.

        Raises UserError where it has none of them.
        """
        settings = self.settings(benchmark)
        suite, cells = benchmark.suite(settings.suite), settings.cells
        seeds = [seed for seed in settings.seeds if seed in suite.size.seeds]
        if not seeds:
            wanted = ", ".join(map(str, settings.seeds))
            raise UserError(f"experiments/recognition.yaml: seeds: {settings.suite} has none of {wanted} here")
        runs = [suite.run(method, seed) for method in settings.methods for seed in seeds]
        return [run.cell(FINAL, sampler, nfe) for run in runs for sampler in cells.samplers for nfe in cells.nfe]

    def reads(self, benchmark: Benchmark) -> list[Path]:
        runs = dict.fromkeys(cell.run.address for cell in self.cells(benchmark))
        return [path for run in runs for path in (run.weights_folder, run.record)]

    def digest(self, benchmark: Benchmark) -> str:
        cells = {str(cell): cell.digests for cell in self.cells(benchmark)}
        how = {"sure": self.settings(benchmark).sure, "classifier": self.classifier(benchmark).digest}
        return digest(how | {"cells": cells})

    def measure(self, benchmark: Benchmark) -> None:
        from atbench.probes.recognition.measure import measure

        measure(benchmark)

    def artefacts(self) -> "list[Artefact]":
        from atbench.report.artefact import TABLE, Artefact

        return [Artefact(f"tables/{self.name}", "", TABLE, _table)]


def _table(sheet: "Sheet") -> "Table":
    from atbench.probes.recognition import page

    return page.table(sheet.benchmark, PROBE.shown(sheet.benchmark, sheet.root))


PROBE = Recognition()
