"""The files that a report consists of. Only names: the Snakefile imports this module at every start."""

from collections.abc import Iterable
from dataclasses import dataclass

from atbench.config import Benchmark
from atbench.errors import UserError

# Metrics with a table in the layout of the main one; `fd` is the main table and bears the suite's bare name.
MEASURES = ("exposure", "eps-norm", "recovery", "robust-loss")  # of the mismatch, a figure each
METRICS = ("fd", "kid", "is", "precision", "recall", "nn_ratio")
TABLE = (".csv", ".md", ".tex")
FIGURE = (".pdf", ".png")


@dataclass(frozen=True)
class Artefact:
    """One table or figure: its path below a scale's root without suffix, and the formats it is written in."""

    stem: str
    suite: str  # empty for what spans suites
    kind: str  # a metric, `paired`, `cells`, `convergence`, `quality-nfe`, `samples`, `mismatch` or a measure of it
    suffixes: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        return [self.stem + suffix for suffix in self.suffixes]


def artefacts(benchmark: Benchmark, suites: list[str]) -> list[Artefact]:
    """Every table and figure of ``suites``, in order. Raises UserError for an unknown suite."""
    made = [Artefact("tables/cells", "", "cells", (".csv",))]
    for suite in suites:
        declared = benchmark.suite(suite)
        if declared["samplers"]:  # a suite that only trains (the extractor) has nothing to tabulate
            scored = ["caption_score"] if declared["conditional"] else []
            made += [_table(suite, kind) for kind in (*METRICS, *scored, "paired")]
            made += _figures_of(suite, _figures(declared))
    return made


def mismatch_artefacts(benchmark: Benchmark, suites: list[str]) -> list[Artefact]:
    """Table and figures of the mismatch measures of those ``suites`` that are measured: a target of their own."""
    measured = [suite for suite in suites if suite in benchmark.mismatch["suites"]]
    return [made for suite in measured for made in (_table(suite, "mismatch"), *_figures_of(suite, MEASURES))]


def outputs(benchmark: Benchmark, suites: list[str]) -> list[str]:
    """Paths, relative to a scale's root, that `report.build.build` writes."""
    return [path for artefact in artefacts(benchmark, suites) for path in artefact.paths]


def chosen(benchmark: Benchmark, suites: list[str], only: list[str] | None) -> list[Artefact]:
    """The artefacts that own the relative paths ``only`` (None: all). UserError for a path none owns."""
    if only is None:
        return artefacts(benchmark, suites)
    known = artefacts(benchmark, suites) + mismatch_artefacts(benchmark, suites)
    for path in only:
        if not any(path in artefact.paths for artefact in known):
            raise UserError(f"{path}: no table or figure of the suites {', '.join(suites)}")
    return [artefact for artefact in known if set(artefact.paths) & set(only)]


def _figures(declared: dict) -> list[str]:
    needs = {"convergence": "curves", "quality-nfe": "samplers", "samples": "grids"}
    return [kind for kind, key in needs.items() if key in declared]


def _table(suite: str, kind: str) -> Artefact:
    stem = suite if kind == "fd" else f"{suite}-{kind}"
    return Artefact(f"tables/{stem}", suite, kind, TABLE)


def _figures_of(suite: str, kinds: Iterable[str]) -> list[Artefact]:
    return [Artefact(f"figures/{suite}-{kind}", suite, kind, FIGURE) for kind in kinds]
