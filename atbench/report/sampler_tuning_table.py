"""The table of the search for constants of training-free samplers: what every candidate measured at each step count."""

import pandas as pd

from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree
from atbench.report.render import Markup, Table, laid_out
from atbench.report.training_free_table import written
from atbench.spec.metrics import metric_label
from atbench.spec.searches import SamplerTuningForm

COLUMNS = ["suite", "sampler", "constants", "nfe", "value", "won"]


def table(sheet: Sheet) -> Table:
    """A row for each sampler and candidate of the searches that are finished, a column for each step count."""
    tree, rows, seeds, metric = Tree(sheet.root), [], [], sheet.benchmark.searched_by
    for suite in sheet.benchmark.tuning.samplers:
        record = tree.shown(sheet.root / f"tuning/{suite}-samplers.json", SamplerTuningForm)
        if record is None:
            continue
        seeds, metric = record.get("seeds") or [record["seed"]], record["metric"]
        for sampler, tried in record["samplers"].items():
            values = [candidate[metric] for candidate in tried]
            best = {nfe: min(range(len(tried)), key=lambda place, nfe=nfe: values[place][nfe]) for nfe in values[0]}
            rows += [
                (suite, sampler, written(candidate["options"]), int(nfe), value, place == best[nfe])
                for place, candidate in enumerate(tried)
                for nfe, value in candidate[metric].items()
            ]
    numbers = pd.DataFrame(rows, columns=COLUMNS)
    judge = metric_label(metric, sheet.benchmark.file.extractor)
    over = f"means over seeds {', '.join(map(str, seeds))}, which no table reports" if seeds else "none is finished"
    caption = (
        f"The search for constants of training-free samplers at scale {sheet.benchmark.scale}: {judge} of the suite's "
        f"baseline, {over}. Bold: the lowest at a step count, of several the first, which wins. A factor of 1, a slope "
        "of 0 and bands of 0 are the plain sampler; the time shift has no such candidate. The means have no interval: "
        "which candidate wins is decided, not how surely."
    )
    return Table(numbers, lambda markup: _wide(sheet, numbers, markup), caption)


def _wide(sheet: Sheet, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    nfes = sorted(numbers.nfe.unique())
    lines = {}
    for (suite, sampler, constants), part in numbers.groupby(["suite", "sampler", "constants"], sort=False):
        label = sheet.suite(suite).sampler(sampler).label if suite in sheet.suites else sampler
        entries = {row.nfe: _entry(row.value, row.won, markup) for row in part.itertuples()}
        lines[markup.escape(label), markup.escape(constants)] = [entries.get(nfe, markup.dash) for nfe in nfes]
    return laid_out(lines, ("Sampler", "Constants"), [f"NFE {nfe}" for nfe in nfes])


def _entry(value: float, won: bool, markup: Markup) -> str:
    return markup.bold.format(f"{value:.2f}") if won else f"{value:.2f}"
