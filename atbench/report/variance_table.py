"""The table of variance components of all suites, from `atbench.judgement.variance`."""

import pandas as pd

from atbench.judgement.variance import COLUMNS, components
from atbench.reading.sheet import Sheet
from atbench.report.render import Markup, Table, laid_out
from atbench.spec.metrics import TRAINING, metric_label

HEADS = ["Mean distance", "Over seeds", "Sampling", "Training", "Training's share"]


def table(sheet: Sheet) -> Table:
    """A row for each suite and method with two seeds or more."""
    found = [components(sheet.suite(name), sheet.frame) for name in sheet.suites]
    numbers = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
    distance = metric_label(TRAINING, sheet.benchmark.file.extractor)
    caption = (
        f"Where the chance in a cell comes from at scale {sheet.benchmark.scale}: standard deviations as a share of "
        f"{distance} to the training images, root mean square over the cells of the grid. Over seeds: trainings that "
        "draw their own images. Sampling: the jackknife within a cell, which errs upwards for a distance. Training: "
        "what is left, cell by cell, nothing where the jackknife says more than there is, so that columns need not add "
        "up; its share: of the sum of both variances. From two or three seeds these are rough. More images lower the "
        "second alone, more seeds all of them. Methods of one seed share batches and latents, so that the spread of a "
        "paired gain is smaller (table power)."
    )
    return Table(numbers, lambda markup: _wide(sheet, numbers, markup), caption, True)


def _wide(sheet: Sheet, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    lines = {}
    for row in numbers.itertuples():
        suite = sheet.suite(row.suite)
        key = markup.escape(suite.title), markup.escape(f"{suite.method(row.method).label} ({row.seeds} seeds)")
        shares = [f"{100 * value:.1f} %" for value in (row.total, row.sampling, row.training)]
        lines[key] = [f"{row.mean:.2f}", *map(markup.escape, [*shares, f"{100 * row.share:.0f} %"])]
    return laid_out(lines, ("Suite", "Method"), HEADS)
