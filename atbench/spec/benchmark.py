"""Everything that the experiment files say at one scale: suites, and in them runs, resolved when first asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

from atbench.runtime.errors import UserError, unknown
from atbench.runtime.provenance import PROTOCOL
from atbench.spec.address import Cell, Run
from atbench.spec.fields import Entry
from atbench.spec.judging import Judging, Linked
from atbench.spec.metrics import TRAINING
from atbench.spec.models.evidence import Claim, Question
from atbench.spec.models.methods import OBJECTIVES, Method
from atbench.spec.models.samplers import Sampler
from atbench.spec.models.scale import ScaleFile
from atbench.spec.models.suites import SuiteFile
from atbench.spec.models.tuning import TuningFile
from atbench.spec.run import CellSpec, RunSpec
from atbench.spec.scales import at
from atbench.spec.suite import SEARCH_PREFIX, SuiteSpec
from atbench.spec.tuning import as_sampler_suite, as_suite, looks_through, searched

EXTRACTOR_SUITE, AUTOENCODER_SUITE = "extractor", "autoencoder"
AnyEntry = TypeVar("AnyEntry", bound=Entry)


@dataclass(frozen=True, eq=False)
class Suite(SuiteSpec):
    """A suite with its runs."""

    benchmark: "Benchmark" = field(kw_only=True)

    def run(self, method: str, seed: int) -> RunSpec:
        """The run of a method from a seed. Raises UserError for a method that cannot be trained here."""
        return self.benchmark.run(Run(self.scale, self.name, method, seed))

    def runs(self, seeds: list[int] | None = None) -> list[RunSpec]:
        """Every training run; ``seeds`` overrides the scale's."""
        chosen = self.size.seeds if seeds is None else seeds
        return [self.run(method, seed) for method in self.methods for seed in chosen]

    def cells(self, seeds: list[int] | None = None) -> list[CellSpec]:
        """The declared cells of every run."""
        return [cell for run in self.runs(seeds) for cell in run.cells]

    @property
    def judging(self) -> Judging:
        """What its cells are judged by."""
        return self.benchmark.judging(self.name)

    def view(self, name: str) -> "Suite":
        """The suite as if it had the methods of a view alone, under the view's title."""
        view = self.views[name]
        return replace(self, methods=view.methods, title=f"{self.title}: {view.title}")


@dataclass(frozen=True, eq=False)
class Benchmark:
    """The experiment files at one scale, validated; `atbench.spec.load.load` reads them."""

    scale: str
    file: ScaleFile
    methods: Mapping[str, Method]
    samplers: Mapping[str, Sampler]
    declared: Mapping[str, SuiteFile]  # every suite that there is a file for
    resolved: Mapping[str, SuiteSpec]  # those that the scale has a block for
    tuning: TuningFile
    claims: Mapping[str, Claim]  # what is under test
    questions: list[Question]  # what was asked, and what answers it
    probes: Mapping[str, Entry]  # settings of the side measures, by name
    protocol: int = PROTOCOL
    _suites: dict[str, Suite] = field(default_factory=dict, repr=False)
    _runs: dict[Run, RunSpec] = field(default_factory=dict, repr=False)
    _judgings: dict[str, Judging] = field(default_factory=dict, repr=False)

    def under(self, protocol: int) -> "Benchmark":
        """The same under another protocol, with the digests of its time."""
        return self if protocol == self.protocol else _under(self, protocol)

    @property
    def suites(self) -> list[str]:
        """The suites of the scale, by name, in the order of its file."""
        return list(self.resolved)

    @property
    def searches(self) -> list[str]:
        """The tuning searches at this scale: suites that they look through, `<suite>-samplers` for samplers alone."""
        return searched(self.tuning, self.suites)

    @property
    def searched_by(self) -> str:
        """The metric that judges the candidates of a search: never the one that leads, which is what is reported."""
        return TRAINING if self.file.leads == self.tuning.metric else self.tuning.metric

    def suite(self, name: str) -> Suite:
        """A suite, or the search through one. Raises UserError for a name that no file, or not the scale, declares."""
        if name not in self._suites:
            spec = self._search(name) if name.startswith(SEARCH_PREFIX) else self._resolved(name)
            values = {each.name: getattr(spec, each.name) for each in fields(SuiteSpec)}
            self._suites[name] = Suite(**values, benchmark=self)
        return self._suites[name]

    def run(self, address: Run) -> RunSpec:
        """The run at an address. Raises UserError for an unknown suite or method, or a missing constant."""
        if address not in self._runs:
            self._runs[address] = self._run(address)
        return self._runs[address]

    def cell(self, address: Cell) -> CellSpec:
        """The cell at an address, on or off the grid. Errors as for `run`."""
        return self.run(address.run).cell(address.step, address.sampler, address.nfe)

    def probe(self, name: str, of: type[AnyEntry]) -> AnyEntry:
        """The settings of a side measure."""
        settings = self.probes[name]
        assert isinstance(settings, of)
        return settings

    @cached_property
    def extractor_run(self) -> RunSpec | None:
        """The run that trains the scale's feature extractor; None for a pretrained one, whose weights are a file."""
        name = self.file.extractor
        return self.run(Run(self.scale, EXTRACTOR_SUITE, name, 0)) if name in self.methods else None

    def autoencoder_run(self, suite: SuiteSpec) -> RunSpec | None:
        """The run that trains the autoencoder in whose latent space a suite works.

        None for suites on pixels, and for those that start from released weights, which come with an autoencoder.
        """
        if not suite.is_latent or suite.pretrained:
            return None
        if self.file.autoencoder is None:
            raise UserError(
                f"experiments/scales/{self.scale}.yaml: autoencoder: missing, the suite {suite.name} needs it"
            )
        return self.run(Run(self.scale, AUTOENCODER_SUITE, self.file.autoencoder, 0))

    def foundations(self, suites: list[str]) -> list[RunSpec]:
        """The runs that suites rest on beside their parents: the extractor's, the autoencoder's."""
        latent = [self.autoencoder_run(self.suite(suite)) for suite in suites]
        return [run for run in dict.fromkeys([self.extractor_run, *latent]) if run is not None]

    def needed(self, suites: list[str], seeds: list[int] | None = None) -> list[RunSpec]:
        """The runs of ``suites`` and all that they are made from, each after those that it needs.

        ``seeds`` override the scale's, as in `Suite.runs`.
        """
        found: dict[RunSpec, None] = {}

        def add(run: RunSpec) -> None:
            if run not in found:
                for parent in run.parents.values():
                    add(parent)
                found[run] = None

        for run in [*self.foundations(suites), *(run for suite in suites for run in self.suite(suite).runs(seeds))]:
            add(run)
        return list(found)

    def judging(self, suite: str) -> Judging:
        """What the cells of a suite are judged by."""
        if suite not in self._judgings:
            self._judgings[suite] = self._judging(suite)
        return self._judgings[suite]

    def _judging(self, suite: str) -> Judging:
        spec = self.suite(suite)
        run = None if suite == EXTRACTOR_SUITE else self.extractor_run
        at_home = run is not None and run.suite.data.written() == spec.judged_by.written()
        return Judging(spec, _linked(run), at_home, self.protocol)

    @cached_property
    def references(self) -> dict[Path, str]:
        """Reference file -> a suite that is judged by it. Raises UserError for two data sets of one name."""
        found: dict[Path, str] = {}
        for name in self.suites:
            suite = self.suite(name)
            if not suite.samplers:
                continue
            other = found.setdefault(suite.judging.reference_path(), name)
            if suite.judged_by.written() != self.suite(other).judged_by.written():
                key = at(self.scale, f"suites.{name}.data")
                raise UserError(f"{key}: not the data set of {other}, but of the same name")
        return found

    def _resolved(self, name: str) -> SuiteSpec:
        if name not in self.declared:
            raise unknown("suite", name, self.declared)
        if name not in self.resolved:
            raise UserError(f"experiments/scales/{self.scale}.yaml: suites: has no block for the suite {name!r}")
        return self.resolved[name]

    def _search(self, name: str) -> SuiteSpec:
        through = name.removeprefix(SEARCH_PREFIX)
        suite = looks_through(self.tuning, through)
        if suite:
            return as_sampler_suite(self.tuning, self._resolved(suite))
        if through not in self.tuning.search:
            raise unknown("tuning search", through, self.tuning.search)
        return as_suite(self.tuning, self._resolved(through))

    def _run(self, address: Run) -> RunSpec:
        suite = self.suite(address.suite)
        method = suite.method(address.method)
        trained = OBJECTIVES[method.objective].constants["network"] if method.objective in OBJECTIVES else None
        if not suite.pretrained and trained != suite.network_kind:
            network = f"the suite {suite.name} has a network of another kind, {suite.network_kind}"
            raise UserError(f"{address}: {address.method} trains a {trained}; {network}")
        autoencoder = _linked(self.autoencoder_run(suite))
        return RunSpec(suite, address, method, self._parents(suite, address, method), autoencoder, suite.judging)

    def _parents(self, suite: Suite, address: Run, method: Method) -> dict[str, RunSpec]:
        if method.continues:
            return {"continues": self.run(replace(address, method=method.continues))}
        if suite.parent is None:
            return {}
        parent = self.suite(suite.parent[0])
        seed = 0 if parent.is_imported else address.seed  # one checkpoint, from which runs of every seed may start
        return {"init": self.run(Run(address.scale, *suite.parent, seed, address.root))}


@cache
def _under(benchmark: Benchmark, protocol: int) -> Benchmark:
    return replace(benchmark, protocol=protocol, _suites={}, _runs={}, _judgings={})


def _linked(run: RunSpec | None) -> Linked | None:
    return None if run is None else Linked(run.address, run.digest)
