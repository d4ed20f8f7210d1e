"""What the workflow's jobs read, are keyed by and ask of a queue: input functions of its rules. No torch, no Snakemake.

Wildcards name a run (suite, method, seed), with step, sampler and nfe a cell, with probe a side measure; `images` and
`latents` name a set of real images. A user's mistake in them stops the workflow with its one line.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from atbench.runtime.device import gpus
from atbench.runtime.files import digest
from atbench.spec import queue
from atbench.spec.address import Cell, Run
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.probes import probes, probes_of_runs
from atbench.spec.run import CellSpec, RunSpec
from atbench.workflow.settings import or_stop
from atbench.workflow.times import Times, is_trained_from_what_is_there

Wildcards = Any  # Snakemake's own class


@dataclass(frozen=True)
class Jobs:
    """The jobs of a scale."""

    benchmark: Benchmark
    seeds: tuple[int, ...] | None  # None: those of the scale
    times: Times | None = None  # who plans notices what of the results cannot be believed

    def runs(self, suites: Iterable[str]) -> list[RunSpec]:
        """The runs of ``suites``."""
        seeds = None if self.seeds is None else list(self.seeds)
        return [run for name in suites for run in or_stop(self.benchmark.suite, name).runs(seeds)]

    def cells(self, suites: Iterable[str]) -> list[str]:
        """The declared cells of every run of ``suites``."""
        return [str(cell) for run in self.runs(suites) for cell in run.cells]

    def evaluations(self, suites: Iterable[str]) -> list[str]:
        """The records of what those cells were made from."""
        return [str(run.address.evaluation) for run in self.runs(suites) if run.cells]

    def rows(self, suite: str) -> list[str]:
        """Scores of the image sets that stand beside a suite's cells."""
        judging = self.benchmark.suite(suite).judging
        return [str(path) for path in (judging.rows_path(), judging.reconstruction_path) if path]

    def measured(self, probe: str, suite: str) -> list[str]:
        """What a side measure writes about a suite's runs."""
        return [str(path) for run in self.runs([suite]) for path in probes()[probe].files(run)]

    def run(self, wildcards: Wildcards) -> RunSpec:
        """The run that wildcards name, one that can be made."""
        run = or_stop(self.benchmark.run, self._address(wildcards))
        or_stop(lambda: run.digest)
        return run

    def cell(self, wildcards: Wildcards) -> CellSpec:
        """The cell that wildcards name, on or off the grid, one that can be made."""
        cell = or_stop(
            self.benchmark.cell, Cell(self._address(wildcards), wildcards.step, wildcards.sampler, int(wildcards.nfe))
        )
        or_stop(lambda: (cell.run.digest, cell.digest, cell.steps))
        if cell.address.step not in cell.run.snapshots:
            sys.exit(f"atbench: {cell}: no such snapshot; this run has {', '.join(cell.run.snapshots)}")
        return cell

    def path(self, wildcards: Wildcards) -> str:
        """The address of the run."""
        return str(self.run(wildcards))

    def parents(self, wildcards: Wildcards) -> list[str]:
        """States of the runs that a run builds on, and the autoencoder in whose latent space it works."""
        run = self.run(wildcards)
        self._notice("of_run", run)
        return [str(parent.address.state) for parent in run.parents.values()] + self._autoencoder(run)

    def checkpoints(self, wildcards: Wildcards) -> list[str]:
        """The files that an imported run comes from."""
        run = self.run(wildcards)
        self._notice("of_run", run)
        return [file.path for file in run.checkpoint.files.values()] if run.checkpoint else []

    def weights(self, wildcards: Wildcards) -> list[str]:
        """What a run's training has written for others to use."""
        run = self.run(wildcards).address
        return [str(run.weights_folder), str(run.record)]

    def judged(self, wildcards: Wildcards) -> list[str]:
        """That, the features of the real images, and the autoencoder that decodes samples."""
        run = self.run(wildcards)
        return [*self.weights(wildcards), str(run.judging.reference_path()), *self._autoencoder(run)]

    def probed(self, wildcards: Wildcards) -> list[str]:
        """What a side measure of a run reads."""
        compared = probes()[wildcards.probe].compares_parents
        self._notice_measure(wildcards)
        return self.weights(wildcards) + (self.parents(wildcards) if compared else [])

    def read_by_measure(self, wildcards: Wildcards) -> list[str]:
        """What a side measure of the scale reads."""
        return [str(path) for path in or_stop(probes()[wildcards.probe].reads, self.benchmark)]

    def evaluated(self, wildcards: Wildcards) -> list[str]:
        """The same of all cells of a run."""
        self._notice("of_evaluation", self.run(wildcards))
        return self.judged(wildcards)

    def judged_cell(self, wildcards: Wildcards) -> list[str]:
        """The same of one cell, which is older than all of it where it cannot be believed."""
        self._notice("of_cell", self.cell(wildcards))
        return self.judged(wildcards)

    def is_trained_from_what_is_there(self, wildcards: Wildcards) -> bool:
        """Whether contents show a run to be current, whatever times say."""
        return is_trained_from_what_is_there(self.run(wildcards))

    def extractor(self, wildcards: Wildcards) -> list[str]:
        """Weights of the network whose features judge; a pretrained one is no output of a job."""
        self._notice("of_rows", self.suite(wildcards).judging)
        run = self.benchmark.extractor_run
        if run is None:
            return []
        self._notice("of_run", run)
        return [str(run.address.weights_folder), str(run.address.record)]

    def reconstructed(self, wildcards: Wildcards) -> list[str]:
        """Features of real images, and the autoencoder that they are passed through."""
        suite = self.suite(wildcards)
        return [str(suite.judging.reference_path()), *self._autoencoder(suite.runs()[0])]

    def training_key(self, wildcards: Wildcards) -> str:
        """All that determines the weights of a run."""
        return self.run(wildcards).digest

    def evaluation_key(self, wildcards: Wildcards) -> str:
        """All that determines the declared cells of a run, and which they are: the job skips those that are current."""
        return digest([self.run(wildcards).digest, {str(cell): cell.digest for cell in self.run(wildcards).cells}])

    def cell_key(self, wildcards: Wildcards) -> str:
        """All that determines a cell."""
        return digest(self.cell(wildcards).digests)

    def probe_key(self, wildcards: Wildcards) -> str:
        """All that determines a side measure, of a run or of the scale. Refuses a run that it is not about."""
        probe = probes()[wildcards.probe]
        if probe.subject == "scale":
            self._notice_measure(wildcards)
            return str(or_stop(probe.digest, self.benchmark))
        if wildcards.suite not in probe.suites(self.benchmark):
            sys.exit(f"atbench: experiments/{probe.name}.yaml: suites: {wildcards.suite} is none of them")
        run = self.run(wildcards)
        return digest([run.digest, or_stop(probe.digest, run)])

    def judging_key(self, wildcards: Wildcards) -> str:
        """All that determines the features and rows of a set of real images."""
        return digest(self.suite(wildcards).judging.slice)

    def gpus(self, wildcards: Wildcards) -> int:
        """GPUs of a job about a suite."""
        return or_stop(queue.gpus_of, self.suite(wildcards))

    def memory(self, wildcards: Wildcards) -> int:
        """Its memory in MB."""
        return or_stop(queue.memory_mb, self.suite(wildcards))

    def training_minutes(self, wildcards: Wildcards) -> int:
        """Minutes of training."""
        return or_stop(queue.training_minutes, self.run(wildcards))

    def evaluation_minutes(self, wildcards: Wildcards, attempt: int = 1) -> int:
        """Minutes for a cell, or a run's; more in every attempt, as nothing continues the last."""
        cells = [self.cell(wildcards)] if _name(wildcards, "nfe") else self.run(wildcards).cells
        return attempt * or_stop(queue.evaluation_minutes, self.suite(wildcards), cells)

    def judging_minutes(self, wildcards: Wildcards) -> int:
        """Minutes for real images."""
        return or_stop(queue.reference_minutes, self.suite(wildcards))

    def group(self, wildcards: Wildcards) -> str | None:
        """Short evaluations share a submission. Not those with a GPU: a group asks for all that it needs at once."""
        short = self.evaluation_minutes(wildcards) <= queue.SHORT
        return "evaluation" if short and not self.gpus(wildcards) else None

    def probe_gpus(self, wildcards: Wildcards) -> int:
        """GPUs of a measure of the whole scale: of one that trains or samples."""
        return or_stop(gpus, self.benchmark.file.queue.gpu) if probes()[wildcards.probe].runs_networks else 0

    def is_alone(self, wildcards: Wildcards) -> bool:
        """Whether a side measure needs the machine to itself."""
        return bool(probes()[wildcards.probe].alone)

    def suite(self, wildcards: Wildcards) -> Suite:
        """The suite that wildcards name, or one that is judged by the images that they name."""
        for kind, suites in (("images", self.images), ("latents", self.latents)):
            if _name(wildcards, kind):
                return self.benchmark.suite(suites[wildcards[kind]])
        return or_stop(self.benchmark.suite, wildcards.suite)

    @cached_property
    def images(self) -> dict[str, str]:
        """Set of real images, by the name of its file -> a suite that is judged by it."""
        return {path.stem: suite for path, suite in or_stop(lambda: self.benchmark.references).items()}

    @cached_property
    def latents(self) -> dict[str, str]:
        """The same, of suites in the latent space of an autoencoder."""
        judgings = {name: self.benchmark.suite(name).judging for name in self.with_grid}
        return {
            judging.reference_path().stem: name for name, judging in judgings.items() if judging.reconstruction_path
        }

    @property
    def with_grid(self) -> list[str]:
        """The suites that have cells; the others only train what those rest on."""
        return [name for name in self.benchmark.suites if self.benchmark.suite(name).samplers]

    @property
    def measures_of_runs(self) -> list[str]:
        """Side measures with a JSON of their own about a run; the others ask for cells."""
        return [name for name, probe in probes_of_runs().items() if hasattr(probe, "path")]

    def _notice(self, of: str, *subject: Any) -> None:
        if self.times:
            or_stop(getattr(self.times, of), *subject)

    def _notice_measure(self, wildcards: Wildcards) -> None:
        """Of a side measure of a run, or of the scale."""
        probe = probes()[wildcards.probe]
        run = None if probe.subject == "scale" else self.run(wildcards)
        about = self.benchmark if run is None else run
        if hasattr(probe, "path"):
            self._notice("of_measure", probe.path(about), probe.name, run, or_stop(probe.digests, about))

    def _address(self, wildcards: Wildcards) -> Run:
        return Run(self.benchmark.scale, wildcards.suite, wildcards.method, int(wildcards.seed))

    def _autoencoder(self, run: RunSpec) -> list[str]:
        at = run.autoencoder.address if run.autoencoder else None
        return [str(at.weights_folder), str(at.record)] if at else []


def _name(wildcards: Wildcards, kind: str) -> bool:
    return kind in wildcards.keys()  # noqa: SIM118 (a namespace, no dict)
