"""The files that a report consists of. Only names: the Snakefile imports this module at every start."""

from collections.abc import Iterable
from dataclasses import dataclass

from atbench import plan
from atbench.config import Benchmark
from atbench.metric_names import HAS_SPATIAL
from atbench.runtime.errors import UserError

# Metrics with a table in the layout of the main one; `fd` is the main table and bears the suite's bare name.
METRICS = ("fd", "kid", "is", "precision", "recall")
MEASURES = ("exposure", "eps-norm", "recovery", "robust-loss")  # of the mismatch, a figure each
OF_TARGET = {"mismatch": MEASURES, "wide": ("wide",)}  # target of its own -> figures of a suite, beside a table
TABLE = (".csv", ".md", ".tex")
FIGURE = (".pdf", ".png")


@dataclass(frozen=True)
class Artefact:
    """One table or figure: its path below a scale's root without suffix, and the formats it is written in."""

    stem: str
    suite: str  # empty for what spans suites
    # A metric, `paired`, `convergence`, `quality-nfe`, `samples`, `view`, `wide`, `mismatch` or a measure of it; across
    # suites `cells`, `claims`, `reviews`, those of OF_SCALE.
    kind: str
    suffixes: tuple[str, ...]
    view: str = ""  # of the suite, where the kind is `view`

    @property
    def paths(self) -> list[str]:
        return [self.stem + suffix for suffix in self.suffixes]


ACROSS = (
    Artefact("tables/cells", "", "cells", (".csv",)),
    Artefact("tables/claims", "", "claims", TABLE),
    Artefact("tables/reviews", "", "reviews", (".md",)),
)
# Of targets of their own, which no suite owns; each is drawn from the JSON of the scale that bears its kind's name.
OF_SCALE = {
    "cost": Artefact("tables/cost", "", "cost", TABLE),
    "mixture": Artefact("figures/mixture", "", "mixture", FIGURE),
}


def artefacts(benchmark: Benchmark, suites: list[str]) -> list[Artefact]:
    """Every table and figure of ``suites``, in order. Raises UserError for an unknown suite."""
    made = list(ACROSS)
    for suite in suites:
        declared = benchmark.suite(suite)
        if declared["samplers"]:  # a suite that only trains (the extractor) has nothing to tabulate
            made += [_table(suite, kind) for kind in (*METRICS, *_own_metrics(benchmark, suite), "paired")]
            made += _figures_of(suite, _figures(declared))
            made += [view for name in declared.get("views", {}) for view in _view(suite, name)]
    return made


def target_artefacts(benchmark: Benchmark, target: str, suites: list[str]) -> list[Artefact]:
    """Table and figures of what a target of its own, of OF_TARGET, measures of those ``suites`` that it is about."""
    measured = [suite for suite in suites if suite in getattr(benchmark, target)["suites"]]
    return [made for s in measured for made in (_table(s, target), *_figures_of(s, OF_TARGET[target]))]


def outputs(benchmark: Benchmark, suites: list[str]) -> list[str]:
    """Paths, relative to a scale's root, that `report.build.build` writes."""
    return [path for artefact in artefacts(benchmark, suites) for path in artefact.paths]


def outputs_of(benchmark: Benchmark, suite: str) -> list[str]:
    """Those of `outputs` that belong to one suite alone."""
    return [path for artefact in artefacts(benchmark, [suite]) if artefact.suite for path in artefact.paths]


def chosen(benchmark: Benchmark, suites: list[str], only: list[str] | None) -> list[Artefact]:
    """The artefacts that own the relative paths ``only`` (None: all). UserError for a path none owns."""
    if only is None:
        return artefacts(benchmark, suites)
    of_targets = [made for target in OF_TARGET for made in target_artefacts(benchmark, target, suites)]
    known = [*artefacts(benchmark, suites), *of_targets, *OF_SCALE.values()]
    for path in only:
        if not any(path in artefact.paths for artefact in known):
            raise UserError(f"{path}: no table or figure of the suites {', '.join(suites)}")
    return [artefact for artefact in known if set(artefact.paths) & set(only)]


def _own_metrics(benchmark: Benchmark, suite: str) -> list[str]:
    """Metrics that not every suite has: sFID, copies of what it was trained on, agreement with what was asked for."""
    own = ["sfid"] if benchmark.sizes["extractor"] in HAS_SPATIAL else []
    own += ["nn_ratio"] if plan.judged_by(benchmark, suite) == plan.data_of(benchmark, suite) else []
    if "clip" in plan.evaluation_of(benchmark, suite):
        return [*own, "clip_score"]
    return [*own, "caption_score"] if benchmark.suite(suite)["conditional"] else own


def _figures(declared: dict) -> list[str]:
    needs = {"convergence": "curves", "quality-nfe": "samplers", "samples": "grids"}
    if "views" in declared:  # more methods than one figure can hold
        del needs["quality-nfe"]
    return [kind for kind, key in needs.items() if key in declared]


def _view(suite: str, view: str) -> list[Artefact]:
    return [
        Artefact(f"tables/{suite}-{view}", suite, "view", TABLE, view),
        Artefact(f"figures/{suite}-{view}", suite, "view", FIGURE, view),
    ]


def _table(suite: str, kind: str) -> Artefact:
    stem = suite if kind == "fd" else f"{suite}-{kind}"
    return Artefact(f"tables/{stem}", suite, kind, TABLE)


def _figures_of(suite: str, kinds: Iterable[str]) -> list[Artefact]:
    return [Artefact(f"figures/{suite}-{kind}", suite, kind, FIGURE) for kind in kinds]
