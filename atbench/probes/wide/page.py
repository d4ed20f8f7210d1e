"""The wider grid of a suite: its table and figure with the step counts of wide.yaml beside those of the grid."""

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from atbench.probes.wide import PROBE
from atbench.reading import tidy
from atbench.reading.rows import reference_rows
from atbench.reading.sheet import Sheet
from atbench.report import quality, tables
from atbench.report.page import charts
from atbench.report.page.panels import Panel
from atbench.report.render import Table
from atbench.spec import grid
from atbench.spec.benchmark import Suite


def table(sheet: Sheet, name: str) -> Table:
    """The distance at every step count."""
    wider, cells = widened(sheet, name)
    return tables.table(wider, cells, sheet.root)


def figure(sheet: Sheet, name: str) -> Figure:
    """The distance against the step count."""
    wider, cells = widened(sheet, name)
    return quality.quality_nfe(wider, cells, reference_rows(wider, sheet.root))


def panels(sheet: Sheet, name: str) -> list[Panel]:
    """The same figure, to be hovered."""
    return charts.quality(widened(sheet, name)[0], table(sheet, name).numbers, sheet.suite(name).leads)


def widened(sheet: Sheet, name: str) -> tuple[Suite, pd.DataFrame]:
    """The suite as if its grid were the wider one, of the samplers that have it, and the cells of both."""
    suite, settings = sheet.suite(name), PROBE.settings(sheet.benchmark)
    nfes = {nfe for sampler in settings.samplers for nfe in grid.nfe_of(suite, sampler)}
    wider = replace(
        suite,
        samplers=settings.samplers,
        grid=tuple(sorted(nfes | {*settings.nfe})),
        title=f"{suite.title}, wider grid",
    )
    cells = tidy.final_cells(sheet.frame, suite)
    return wider, pd.concat([cells[cells.sampler.isin(settings.samplers)], _beside(sheet, name)], ignore_index=True)


def claim_rows(sheet: Sheet) -> pd.DataFrame:
    """The rows of `tidy.collect` for the cells beyond the grid of all suites."""
    parts = [part for part in (_beside(sheet, name) for name in sheet.suites) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _beside(sheet: Sheet, name: str) -> pd.DataFrame:
    runs = sheet.suite(name).runs(sheet.seeds_of(name))
    return tidy.rows(sheet.root, [cell for run in runs for cell in PROBE.claim_cells(run)])
