"""Side measures on the page: their tables and figures, or the command that measures them."""

import base64
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from atbench.reading.origins import Origins, of_probe, of_scale_probe, probe_key, scale_key
from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree
from atbench.report import figures
from atbench.report.artefact import Artefact
from atbench.report.page.grids import Grid, Keyed, from_table, narrowed
from atbench.report.page.panels import Panel
from atbench.report.page.suites import SAID, Entry, legend, of_cells
from atbench.report.render import Table
from atbench.report.style import RC
from atbench.spec.benchmark import Suite
from atbench.spec.probes import probes_of_runs, probes_of_scales

MOST_COLUMNS = 7  # of a table that fits a narrow window; a wider one is turned


@dataclass(frozen=True)
class Measured:
    """What a side measure found of a suite or of the scale, or in ``missing`` why it found nothing."""

    identifier: str
    title: str
    grids: list[Grid]
    legend: list[Entry]
    panels: list[Panel]
    pictures: list[tuple[str, str]]  # title, data: URI
    missing: str
    said: str


def of_suite(sheet: Sheet, name: str) -> list[Measured]:
    """The side measures that are about a suite and draw something of it."""
    suite = sheet.suite(name)
    about = [probe for probe in probes_of_runs().values() if name in probe.suites(sheet.benchmark)]
    return [_of_runs(sheet, suite, probe) for probe in about if probe.artefacts(name)]


def of_scale(sheet: Sheet) -> list[Measured]:
    """The side measures of the scale."""
    found = []
    for probe in probes_of_scales().values():
        drawn = probe.artefacts() if (sheet.root / f"{probe.name}.json").exists() else []
        key = scale_key(probe.name)
        found.append(_measured(sheet, probe, probe.name, drawn, _missing(sheet, probe), [], lambda *_, key=key: key))
    return found


def origins(sheet: Sheet) -> Origins:
    """The records of side measures with numbers of their own."""
    found: Origins = {}
    for probe in probes_of_runs().values():
        for name in [name for name in probe.suites(sheet.benchmark) if name in sheet.suites and probe.metrics]:
            found |= of_probe(sheet.suite(name), sheet.root, probe, sheet.seeds_of(name))
    for probe in probes_of_scales().values():
        found |= of_scale_probe(sheet.root, probe)
    return found


def _of_runs(sheet: Sheet, suite: Suite, probe: Any) -> Measured:
    tree = Tree(sheet.root)
    runs = suite.runs(sheet.seeds_of(suite.name))
    files = [tree.folder(run.address) / path.relative_to(run.address.path) for run in runs for path in probe.files(run)]
    there = any(tree.source(path) for path in files)
    drawn = probe.artefacts(suite.name) if there else []
    panels = probe.panels(sheet, suite.name) if there else []
    methods = {suite.method(name).label: name for name in suite.methods}

    def of_record(index: tuple[str, str], column: str) -> str:
        return probe_key(suite.name, methods[index[1]], probe.name) if index[1] in methods else ""

    keyed = of_record if probe.metrics else of_cells(sheet, suite)  # numbers of its own, or cells
    missing = _missing(sheet, probe)
    return _measured(sheet, probe, f"{suite.name}-{probe.name}", drawn, missing, panels, keyed, legend(suite))


def _measured(
    sheet: Sheet,
    probe: Any,
    identifier: str,
    drawn: list[Artefact],
    missing: str,
    panels: list[Panel],
    keyed: Keyed | None = None,
    methods: list[Entry] | None = None,
) -> Measured:
    grids, pictures = [], []
    with matplotlib.rc_context(RC):
        for made in drawn:
            if panels and ".png" in made.suffixes:
                continue  # the panels show the same
            result = made.draw(sheet)
            if isinstance(result, Table):
                grid = from_table(f"{identifier}-{len(grids)}", result, keyed)
                grids.append(narrowed(grid, MOST_COLUMNS))
            elif isinstance(result, Figure):
                pictures.append((Path(made.stem).name, _png(result)))
    title = probe.name.capitalize()
    return Measured(
        identifier,
        title,
        grids,
        methods or [] if panels else [],
        panels,
        pictures,
        "" if drawn else missing,
        SAID["band" if probe.metrics else "quality"],
    )


def _png(figure: Figure) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = figures.save(figure, Path(folder, "figure.png"))
        return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _missing(sheet: Sheet, probe: Any) -> str:
    return (
        f"Not measured here: `snakemake --cores all {probe.name} --config scale={sheet.benchmark.scale}` measures it."
    )
