"""Runs whose released weights are taken in place of training: which they are, and what the job that takes one reads."""

import sys
from dataclasses import dataclass
from functools import cached_property

from atbench.reading.released import ReleasedRun, released_run, runs_with_weights
from atbench.runtime.errors import UserError
from atbench.spec.address import ROOT, Run, parse_run
from atbench.spec.benchmark import Benchmark
from atbench.workflow.jobs import Jobs, Wildcards
from atbench.workflow.settings import or_stop
from atbench.workflow.watch import Watch


@dataclass(frozen=True)
class Taken:
    """The taken runs of a scale."""

    jobs: Jobs
    retrains: bool  # trains them nonetheless

    @cached_property
    def runs(self) -> dict[str, ReleasedRun]:
        """Them, by suite/method/seed<S>.

        Not those that were trained here, nor those that other runs go on from, which takes a whole state. Who plans is
        told what of a release cannot be believed: that is trained.
        """
        benchmark, found = self.jobs.benchmark, dict[str, ReleasedRun]()
        continued = or_stop(_continued, benchmark)
        for address in [] if self.retrains else runs_with_weights(benchmark.scale):
            if address in continued or address.state.exists():
                continue
            try:
                run = released_run(benchmark.run(address))
            except UserError as error:
                if self.jobs.times:
                    print(f"atbench: {error}; {address} is trained", file=sys.stderr)
                continue
            if run:
                found[_name(address)] = run
        return found

    @property
    def addresses(self) -> set[Run]:
        """Their addresses."""
        scale = self.jobs.benchmark.scale
        return {parse_run(f"{ROOT}/{scale}/{name}") for name in self.runs}

    def weights(self, wildcards: Wildcards) -> list[str]:
        """The released weights of a run."""
        run = self.jobs.run(wildcards)
        if self.jobs.times:
            or_stop(self.jobs.times.of_run, run)
        return [str(path) for path in self.runs[_name(run.address)].weights.values()]

    def key(self, wildcards: Wildcards) -> str:
        """All that taking a run writes."""
        return self.runs[_name(self.jobs.run(wildcards).address)].key


def watch_of(benchmark: Benchmark, suites: list[str]) -> Watch:
    """A watch on some suites, which waits for no training of a run that is taken."""
    return Watch(benchmark, suites, Taken(Jobs(benchmark, None), retrains=False).addresses)


def _continued(benchmark: Benchmark) -> set[Run]:
    """The runs of a scale that others go on from."""
    runs = [run for name in benchmark.suites for run in benchmark.suite(name).runs()]
    return {parent.address for run in runs for parent in run.parents.values()}


def _name(run: Run) -> str:
    return f"{run.suite}/{run.method}/seed{run.seed}"
