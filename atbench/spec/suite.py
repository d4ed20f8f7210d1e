"""A suite at a scale, resolved: what its file, the scale's block and the scale itself say together."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from atbench.runtime.errors import UserError, unknown
from atbench.spec.fields import Entry
from atbench.spec.models.evaluation import Evaluation
from atbench.spec.models.methods import Method
from atbench.spec.models.samplers import Sampler
from atbench.spec.models.scale import Checkpoint, Data, Queue, SuiteSize
from atbench.spec.models.suites import IMPORTED, PRETRAINED, SCRATCH, Curves, Samples, View
from atbench.spec.models.training import Training

SEARCH_PREFIX = "tune-"  # suite tune-<suite> holds the candidates of the tuning search


@dataclass(frozen=True, eq=False)
class SuiteSpec:
    """Everything that the experiment files say of one suite at one scale. Its runs and cells: `benchmark.Suite`."""

    scale: str
    name: str
    drawn_as: str  # the suite whose name is behind every random draw: of a search, the one that it looks through
    title: str
    paper: str
    methods: tuple[str, ...]  # those compared, in the order of the file
    baseline: str  # the first of them, whose rate all start from; of a search, that of the suite it looks through
    catalogue: Mapping[str, Method]  # every method that could be trained here, its objective resolved
    # Method -> those it extends and itself: later constants replace earlier ones.
    lineage: Mapping[str, tuple[str, ...]]
    samplers: tuple[str, ...]  # those that the grid asks for; a method is sampled by those that fit it
    sampler_catalogue: Mapping[str, Sampler]  # every sampler, with the suite's own options
    grid: tuple[int, ...] | Mapping[str, tuple[int, ...]]  # step counts, of all samplers or of each
    init: str  # `scratch`, `imported`, pretrained/network, or suite/method to start from
    is_latent: bool  # works in the latent space of an autoencoder
    conditional: bool | str
    views: Mapping[str, View]
    curves: Curves | None
    samples: Samples | None  # the cell whose images the figure of samples shows
    size: SuiteSize
    data: Data  # the images that it trains on
    judged_by: Data  # the images that its cells are compared with
    evaluation: Evaluation
    queue: Queue
    training: Training
    network: Entry  # constructor arguments
    network_kind: str
    threads: int
    extractor: str
    leads: str  # the metric that tables, figures and claims show first: a distance
    cross_checks: tuple[str, ...] | None
    tuned: Mapping[str, Entry]  # method -> constants of the scale's `tuned:` block
    candidates: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # of a search: method -> what it tries

    def method(self, name: str) -> Method:
        """A method that could be trained here. Raises UserError naming the known ones for another."""
        if name not in self.catalogue:
            raise unknown("tuning candidate" if self.is_search else "method", name, self.catalogue)
        return self.catalogue[name]

    def sampler(self, name: str) -> Sampler:
        """A sampler with the suite's own options. Raises UserError naming the known ones for another."""
        if name not in self.sampler_catalogue:
            raise unknown("sampler", name, self.sampler_catalogue)
        return self.sampler_catalogue[name]

    @property
    def is_search(self) -> bool:
        """Whether its methods are candidates of the tuning search."""
        return self.name.startswith(SEARCH_PREFIX)

    @property
    def is_imported(self) -> bool:
        """Whether its weights come from files of other code."""
        return self.init == IMPORTED

    @property
    def pretrained(self) -> str | None:
        """The network whose released weights it starts from; None where it starts from a run or from scratch."""
        kind, _, network = self.init.partition("/")
        return network if kind == PRETRAINED else None

    @property
    def parent(self) -> tuple[str, str] | None:
        """Suite and method of the run that its runs start from; None for random, released or imported weights."""
        if self.init in (SCRATCH, IMPORTED) or self.pretrained:
            return None
        suite, method = self.init.split("/")
        return suite, method

    def checkpoint(self, method: str, seed: int) -> Checkpoint | None:
        """The files that an imported run comes from; None where the suite trains.

        Raises UserError when the suite imports and the scale has no file for this run.
        """
        if not self.is_imported:
            return None
        declared = self.size.imported or {}
        if method not in declared or seed:
            found = ", ".join(f"{self.name}/{name}/seed0" for name in declared)
            raise UserError(f"scale {self.scale}: no checkpoint of {self.name}/{method}/seed{seed}: {found}")
        return declared[method]

    def constants(self, method: str) -> dict[str, float]:
        """Tuned constants of a method: those of the suite's baseline, whose rate all start from, then its own."""
        found: dict[str, float] = {}
        for name in (self.baseline, *self.lineage[method]):
            found |= self.tuned[name].written() if name in self.tuned else {}
        return found | dict(self.candidates.get(method, {}))
