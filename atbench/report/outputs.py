"""The tables and figures that a report consists of. Light: the Snakefile imports this module at every start."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from atbench.judgement.comparisons import of_families, of_training_free
from atbench.reading.sheet import Sheet
from atbench.report.artefact import FIGURE, TABLE, Artefact
from atbench.runtime.errors import UserError
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.metrics import DISTANCE_NAMES, tabulated
from atbench.spec.probes import probes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from atbench.report.render import Table

# Kinds of figures, as reviews.yaml names them.
CONVERGENCE, QUALITY, SAMPLES = "convergence", "quality-nfe", "samples"
TRAINING_FREE = "training-free"  # table of a suite with claims on corrected samplers


def artefacts(benchmark: Benchmark, suites: list[str]) -> list[Artefact]:
    """Every table and figure of ``suites``, in order. Raises UserError for an unknown suite."""
    return [*across(benchmark, suites), *(made for suite in suites for made in _of_suite(benchmark.suite(suite)))]


def across(benchmark: Benchmark, suites: list[str]) -> list[Artefact]:
    """Those that span suites.

    What seeds can show where a family of tests was declared, a search where it has seeds, and the numbers of others
    where ours are of their kind: FID on CIFAR-10.
    """
    searched = any(block.search_seeds for block in benchmark.file.suites.values())
    optional = {
        OF_FAMILIES: of_families(benchmark, suites),
        OF_SEARCHES: searched,
        OF_OTHERS: DISTANCE_NAMES[benchmark.file.extractor] == "FID" and benchmark.file.data.name == "cifar10",
    }
    return [*ACROSS, *(artefact for made, wanted in optional.items() if wanted for artefact in made)]


def verdict_pages(benchmark: Benchmark, suites: list[str]) -> list[str]:
    """Paths of the tables that rest on the verdicts, claims.csv first."""
    return [path for artefact in across(benchmark, suites) if artefact.stem != TIDY for path in artefact.paths]


def outputs(benchmark: Benchmark, suites: list[str]) -> list[str]:
    """Paths, relative to a scale's root, that `report.build.build` writes."""
    return [path for artefact in artefacts(benchmark, suites) for path in artefact.paths]


def outputs_of(benchmark: Benchmark, suite: str) -> list[str]:
    """Those of `outputs` that belong to one suite alone."""
    return [path for artefact in _of_suite(benchmark.suite(suite)) for path in artefact.paths]


def chosen(benchmark: Benchmark, suites: list[str], only: list[str] | None) -> list[Artefact]:
    """The artefacts that own the relative paths ``only`` (None: all but those of side measures).

    Raises UserError for a path that none owns.
    """
    if only is None:
        return artefacts(benchmark, suites)
    known = [*artefacts(benchmark, suites), *_of_probes(benchmark, suites)]
    for path in only:
        if not any(path in artefact.paths for artefact in known):
            raise UserError(f"{path}: no table or figure of the suites {', '.join(suites)}")
    return [artefact for artefact in known if set(artefact.paths) & set(only)]


def _of_probes(benchmark: Benchmark, suites: list[str]) -> Iterator[Artefact]:
    """Tables and figures of opt-in targets: side measures of some of ``suites``, and those of the scale."""
    for probe in probes().values():
        if hasattr(probe, "suites"):
            yield from (made for name in probe.suites(benchmark) if name in suites for made in probe.artefacts(name))
        else:
            yield from probe.artefacts()


def _of_suite(suite: Suite) -> Iterator[Artefact]:
    name = suite.name
    if not suite.samplers:  # a suite that only trains (the extractor) has nothing to tabulate
        return
    for metric in tabulated(suite):
        stem = name if metric == suite.leads else f"{name}-{metric}"  # the main table bears the suite's bare name
        yield Artefact(f"tables/{stem}", name, TABLE, partial(_table, name, metric))
    yield Artefact(f"tables/{name}-paired", name, TABLE, partial(_paired, name))
    if of_training_free(suite.benchmark, name):
        yield Artefact(f"tables/{name}-{TRAINING_FREE}", name, TABLE, partial(_training_free, name))
    figures = {
        CONVERGENCE: (_convergence, suite.curves),
        QUALITY: (_quality, not suite.views),  # those hold more methods than one figure can
        SAMPLES: (_samples, suite.samples),
    }
    for kind, (draw, wanted) in figures.items():
        if wanted:
            yield Artefact(f"figures/{name}-{kind}", name, FIGURE, partial(draw, name), kind)
    for view in suite.views:
        yield Artefact(f"tables/{name}-{view}", name, TABLE, partial(_view_table, name, view))
        yield Artefact(f"figures/{name}-{view}", name, FIGURE, partial(_view_figure, name, view))


def _cells(sheet: Sheet) -> "pd.DataFrame":
    from atbench.reading.tidy import lasting

    return lasting(sheet.frame)


def _claims(sheet: Sheet) -> "Table":
    from atbench.report import verdict_table

    return verdict_table.table(sheet.benchmark, sheet.frame, _verdicts(sheet))


def _reviews(sheet: Sheet) -> str:
    from atbench.report import reviews

    return reviews.page(sheet, _verdicts(sheet), artefacts(sheet.benchmark, sheet.suites))


def _verdicts(sheet: Sheet) -> "pd.DataFrame":
    from atbench.judgement import claims, points

    return claims.judge(sheet.benchmark, points.collect(sheet), sheet.suites)


def _table(suite: str, metric: str, sheet: Sheet) -> "Table":
    from atbench.report import tables

    return tables.table(sheet.suite(suite), sheet.frame, sheet.root, metric)


def _paired(suite: str, sheet: Sheet) -> "Table":
    from atbench.report import paired

    return paired.table(sheet.suite(suite), sheet.frame, sheet.root)


def _training_free(suite: str, sheet: Sheet) -> "Table":
    from atbench.report import training_free_table

    return training_free_table.table(sheet, suite)


def _view_table(suite: str, view: str, sheet: Sheet) -> "Table":
    from atbench.report import tables

    shown = sheet.suite(suite).view(view)
    return tables.table(shown, sheet.frame, sheet.root, order=shown.methods)


def _view_figure(suite: str, view: str, sheet: Sheet) -> "Figure":
    from atbench.reading import rows, tidy
    from atbench.report import views

    shown = sheet.suite(suite).view(view)
    return views.figure(shown, tidy.on_grid(sheet.frame, shown), rows.reference_rows(shown, sheet.root))


def _convergence(suite: str, sheet: Sheet) -> "Figure":
    from atbench.reading import rows, tidy
    from atbench.report import curves

    spec = sheet.suite(suite)
    return curves.convergence(spec, tidy.on_grid(sheet.frame, spec), rows.reference_rows(spec, sheet.root))


def _quality(suite: str, sheet: Sheet) -> "Figure":
    from atbench.reading import rows, tidy
    from atbench.report import quality

    spec = sheet.suite(suite)
    return quality.quality_nfe(spec, tidy.on_grid(sheet.frame, spec), rows.reference_rows(spec, sheet.root))


def _samples(suite: str, sheet: Sheet) -> "Figure":
    from atbench.reading import tidy
    from atbench.report import samples

    spec = sheet.suite(suite)
    return samples.samples(spec, tidy.on_grid(sheet.frame, spec), sheet.root)


def _power(sheet: Sheet) -> "Table":
    from atbench.judgement import points
    from atbench.report import power_table

    return power_table.table(sheet.benchmark, points.collect(sheet), sheet.suites)


def _variance(sheet: Sheet) -> "Table":
    from atbench.report import variance_table

    return variance_table.table(sheet)


def _tuning(sheet: Sheet) -> "Table":
    from atbench.report import tuning_table

    return tuning_table.table(sheet)


def _tuning_of_samplers(sheet: Sheet) -> "Table":
    from atbench.report import sampler_tuning_table

    return sampler_tuning_table.table(sheet)


def _second_hand(sheet: Sheet) -> "Table":
    from atbench.report import second_hand

    return second_hand.table(sheet.benchmark, sheet.frame)


TIDY = "tables/cells"
ACROSS = (
    Artefact(TIDY, "", (".csv",), _cells),
    Artefact("tables/claims", "", TABLE, _claims),
    Artefact("tables/reviews", "", (".md",), _reviews),
)
OF_FAMILIES = (
    Artefact("tables/power", "", TABLE, _power),
    Artefact("tables/variance", "", TABLE, _variance),
)
OF_SEARCHES = (
    Artefact("tables/tuning", "", TABLE, _tuning),
    Artefact("tables/tuning-samplers", "", TABLE, _tuning_of_samplers),
)
OF_OTHERS = (Artefact("tables/second-hand", "", TABLE, _second_hand),)
