"""A section of the page per suite: its tables and figures, metric by metric, its training curves and its samples."""

from dataclasses import dataclass
from functools import partial

from atbench.judgement.comparisons import of_training_free
from atbench.reading.origins import cell_key, reference_key
from atbench.reading.rows import foreign_rows, reference_rows
from atbench.reading.sheet import Sheet
from atbench.report import captions, paired, tables, training_free_table
from atbench.report.outputs import TRAINING_FREE
from atbench.report.page import charts
from atbench.report.page.grids import Grid, Keyed, from_table
from atbench.report.page.looks import path
from atbench.report.page.panels import Panel
from atbench.report.page.panels import legend as legend_of
from atbench.report.page.pictures import Sampled, sampled
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.metrics import METRICS, metric_label, tabulated

SAID = {  # of a figure, what its marks mean
    "quality": "A point is the mean over seeds, a bar one standard deviation over seeds to either side (none with one "
    "seed); methods of one step count stand side by side. The dashed line is what images of the training set reach.",
    "view": "A point is the mean over seeds, a bar one standard deviation over seeds to either side (none with one "
    "seed); the marker tells the step count.",
    "band": "A line is the mean over seeds, the band around it one standard deviation over seeds to either side (none "
    "with one seed).",
    "convergence": "A line is the mean over seeds, each faint dot one seed. A method that continues another starts "
    "where that one ended.",
}


@dataclass(frozen=True)
class Entry:
    """A method in the legend."""

    label: str
    colour: str
    path: str  # of its marker, as SVG
    dashed: bool


@dataclass(frozen=True)
class Measure:
    """What a suite's switch shows at once: a table, and the figure of the same numbers."""

    name: str
    label: str
    group: str
    grid: Grid
    panels: list[Panel]
    said: str


@dataclass(frozen=True)
class Section:
    """A suite on the page."""

    name: str
    title: str
    state: str  # how many of its cells there are
    legend: list[Entry]
    measures: list[Measure]
    convergence: list[Panel]
    no_curve: str  # why there are no curves
    samples: list[Sampled]
    start: str  # the measure that is shown first
    dropped: int = 0  # how many more samplers' sheets there are, for which the page has no room


def section(sheet: Sheet, name: str) -> Section:
    """The section of a suite that has a grid of cells."""
    suite = sheet.suite(name)
    measures = [_metric(sheet, suite, metric) for metric in tabulated(suite)]
    measures += [_view(sheet, suite, view) for view in suite.views]
    measures.append(_paired(sheet, suite))
    measures += [_training_free(sheet, suite)] if of_training_free(sheet.benchmark, name) else []
    own = sheet.frame[(sheet.frame.suite == name) & ~sheet.frame.off_grid]
    return Section(
        name,
        suite.title,
        captions.gaps(own),
        [] if suite.views and suite.curves is None else legend(suite),
        measures,
        charts.convergence(suite, sheet.frame),
        "None of the cells of its training curve is there."
        if suite.curves
        else "The suite declares no training curve.",
        list(sampled(sheet, suite)),
        next(iter(suite.views), suite.leads),
    )


def legend(suite: Suite) -> list[Entry]:
    """The methods of a suite, in the order of tables."""
    looks = legend_of(suite).items()
    return [Entry(label, style.colour, path(style), style.line != "-") for label, style in looks]


def _metric(sheet: Sheet, suite: Suite, metric: str) -> Measure:
    table = tables.table(suite, sheet.frame, sheet.root, metric)
    grid = from_table(f"{suite.name}-{metric}", table, of_cells(sheet, suite))
    panels = [] if suite.views else charts.quality(suite, table.numbers, metric)
    better = {"lower": "lower is better", "higher": "higher is better", "towards one": "best at one"}
    label = f"{metric_label(metric, suite.extractor)}: {better[METRICS[metric].better]}"
    return Measure(metric, label, "Metric", grid, panels, SAID["quality"])


def _view(sheet: Sheet, suite: Suite, view: str) -> Measure:
    shown = suite.view(view)
    table = tables.table(shown, sheet.frame, sheet.root, order=shown.methods)
    grid = from_table(f"{suite.name}-{view}", table, of_cells(sheet, shown))
    panels = charts.view(shown, legend_of(suite), table.numbers)
    title = suite.views[view].title
    return Measure(view, title[0].upper() + title[1:], "View", grid, panels, SAID["view"])


def _paired(sheet: Sheet, suite: Suite) -> Measure:
    table = paired.table(suite, sheet.frame, sheet.root)
    compared = table.numbers[["method", "baseline", "budget"]].drop_duplicates().itertuples(index=False, name=None)
    rows = {paired.label(suite, *one): one[:2] for one in compared}
    samplers = _by_label({name: suite.sampler(name).label for name in suite.samplers})

    def keyed(index: tuple[str, str], column: str) -> str:
        keys = [cell_key(suite.name, name, FINAL, samplers[index[0]], _nfe(column)) for name in rows[index[1]]]
        return " ".join(keys)

    label = f"{metric_label(suite.leads, suite.extractor)}: paired differences"
    return Measure("paired", label, "Differences", from_table(f"{suite.name}-paired", table, keyed), [], "")


def _training_free(sheet: Sheet, suite: Suite) -> Measure:
    rows = training_free_table.behind(suite)

    def keyed(index: tuple[str, str], column: str) -> str:
        return " ".join(cell_key(suite.name, name, FINAL, sampler, _nfe(column)) for name, sampler in rows[index])

    grid = from_table(f"{suite.name}-{TRAINING_FREE}", training_free_table.table(sheet, suite.name), keyed)
    label = f"{metric_label(suite.leads, suite.extractor)}: training-free samplers"
    return Measure(TRAINING_FREE, label, "Differences", grid, [], "")


def of_cells(sheet: Sheet, suite: Suite) -> Keyed:
    """What stands behind the entries of a suite's table: cells of all seeds, or a record of images without a method."""
    samplers = _by_label({name: suite.sampler(name).label for name in suite.samplers})
    methods = _by_label({name: suite.method(name).label for name in suite.methods})
    rows = reference_rows(suite, sheet.root)
    foreign = {name: f"foreign/{name}" for name in foreign_rows(sheet.root, rows)}
    return partial(_key, suite, samplers, methods, foreign)


def _key(
    suite: Suite,
    samplers: dict[str, str],
    methods: dict[str, str],
    foreign: dict[str, str],
    index: tuple[str, str],
    column: str,
) -> str:
    block, name = index
    if block in samplers:
        return cell_key(suite.name, methods[name], FINAL, samplers[block], _nfe(column))
    if name in foreign:
        return foreign[name]
    judging = suite.judging
    rebuilt = name == captions.REFERENCE_LABELS["reconstruction"] and judging.reconstruction_path
    return reference_key(rebuilt or judging.rows_path())


def _nfe(column: str) -> int:
    return int(column.removeprefix("NFE "))


def _by_label(labels: dict[str, str]) -> dict[str, str]:
    return {label: name for name, label in labels.items()}
