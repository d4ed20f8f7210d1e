"""The table of plain samplers, their training-free corrections and what training gains beside them."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from atbench.judgement import training_free
from atbench.judgement.enough import too_few
from atbench.reading.methods import budgets
from atbench.reading.rows import reference_rows
from atbench.reading.sheet import Sheet
from atbench.reading.tidy import final_cells
from atbench.reading.tree import Tree
from atbench.report import captions
from atbench.report.render import Markup, Table, laid_out
from atbench.report.tables import decimals, value_text
from atbench.report.verdict_table import with_interval
from atbench.spec.benchmark import Suite
from atbench.spec.corrections import NAMES
from atbench.spec.grid import nfe_of
from atbench.spec.metrics import metric_label
from atbench.spec.rivals import is_corrected
from atbench.spec.searches import SamplerTuningForm

Row = tuple[str, str]  # the names of a row: sampler and method, or what gains over what
Points = list[tuple[str, str]]  # method and sampler of what stands behind a row's entries


def table(sheet: Sheet, name: str) -> Table:
    """Distances by sampler and method, then what the claims on training-free samplers compare, at each NFE alone."""
    suite = sheet.suite(name)
    found, gained = training_free.distances(suite, sheet.frame), training_free.gains(suite, sheet.frame)
    gained.insert(0, "kind", "gain")
    found.insert(0, "kind", "distance")
    numbers = pd.concat([part for part in (found, gained) if len(part)] or [found], ignore_index=True)
    return Table(numbers, lambda markup: _wide(suite, sheet.frame, found, gained, markup), _caption(sheet, suite))


def behind(suite: Suite) -> dict[Row, Points]:
    """The names of every row that the table may have, as it prints them -> the cells behind its entries."""
    rows: dict[Row, Points] = {}
    for samplers in training_free.samplers_by_base(suite).values():
        for sampler in samplers:
            for method in training_free.methods_of(suite):
                rows[_names(suite, sampler, method)] = [(method, sampler)]
    pairs = training_free.pairs_of(suite)
    for base, best in training_free.best_of(suite).items():
        for (method, _, sampler, _), (baseline, _, other, _) in pairs:
            if other == best:
                row = _gain_names(suite, base, sampler, method, other, baseline)
                rows[row] = [(method, sampler), (baseline, other)]
    return rows


def _names(suite: Suite, sampler: str, method: str) -> Row:
    return suite.sampler(sampler).label, suite.method(method).label


def _gain_names(suite: Suite, base: str, sampler: str, method: str, other: str, baseline: str) -> Row:
    by = "both by" if sampler == other else "by"
    ours, theirs = (suite.method(name).label for name in (method, baseline))
    return f"Gain, {suite.sampler(base).label}", f"{ours} over {theirs} ({by} {suite.sampler(other).label})"


def _wide(suite: Suite, frame: pd.DataFrame, found: pd.DataFrame, gained: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    spent, digits = budgets(suite), decimals(found["mean"])
    cells = final_cells(frame, suite)
    declared, judged = cells.seed.nunique(), not too_few(cells, suite.extractor, suite.leads)
    entries: dict[Row, dict[int, str]] = {}
    for row in found.itertuples():
        text = value_text(row.mean, row.std, digits, markup) if row.n else markup.dash
        text = markup.bold.format(text) if row.best else text
        few = f" ({row.n})" if 0 < row.n < declared else ""
        entries.setdefault(_names(suite, row.sampler, row.method), {})[row.nfe] = text + few
    for row in gained.itertuples():
        names = _gain_names(suite, row.base, row.sampler, row.method, row.baseline_sampler, row.baseline)
        level = judged and spent[row.method].level_with(spent[row.baseline])
        entries.setdefault(names, {})[row.nfe] = _gain(row, level, markup)
    nfes = nfe_of(suite)
    lines = {
        (markup.escape(block), markup.escape(name)): [
            entries.get((block, name), {}).get(nfe, markup.dash) for nfe in nfes
        ]
        for block, name in behind(suite)
    }
    return laid_out(lines, ("Sampler", "Method"), [f"NFE {nfe}" for nfe in nfes])


def _gain(row: Any, level: bool, markup: Markup) -> str:
    if not row.n:
        return markup.dash
    text = markup.escape(with_interval(row.gain, row.low, row.high, "relative"))
    clear = level and row.n > 1 and (row.low > 0 or row.high < 0)
    return f"{markup.bold.format(text) if clear else text} ({row.n})"


def _caption(sheet: Sheet, suite: Suite) -> str:
    methods = training_free.methods_of(suite)
    samplers = [name for names in training_free.samplers_by_base(suite).values() for name in names]
    cells = final_cells(sheet.frame, suite)
    cells = cells[cells.method.isin(methods) & cells.sampler.isin(samplers)]
    named = training_free.best_of(suite).items()
    best = "; ".join(f"for {suite.sampler(base).label} {suite.sampler(name).label}" for base, name in named)
    conditions = captions.conditions(replace(suite, methods=tuple(methods)), cells, reference_rows(suite, sheet.root))
    return (
        f"{suite.title}: {metric_label(suite.leads, suite.extractor)} by plain samplers and their training-free "
        f"corrections, mean ± standard deviation over the seeds that all methods and corrections of a plain sampler "
        "have at a step count, (n) of them if fewer than declared; gains are of all seeds that their pair has, so "
        "that they need not agree with the rows. Bold: better than all other rows of the plain sampler and its "
        "corrections whose methods had as many updates or forward passes, where the 95 % t-interval of each paired "
        "difference excludes zero; — no result. Gains: per cent of the distance of what is gained over, mean log "
        "ratio over (n) paired seeds with its 95 % t-interval, bold where both had as many updates or forward passes "
        "and it excludes zero; the first has the plain sampler, or both the correction. They "
        f"are not corrected for the number of comparisons; the verdicts (table claims) are. The best corrections, "
        f"named before any result: {best}. {_constants(sheet, suite, samplers)} {conditions}"
    )


def _constants(sheet: Sheet, suite: Suite, samplers: list[str]) -> str:
    """What the constants of the corrections are, and where they are from."""
    record, parts = _search(sheet, suite), []
    for sampler in (suite.sampler(name) for name in samplers):
        if is_corrected(sampler):
            parts.append(f"{sampler.label} {written(sampler.written())}")
    if not record:
        return f"Constants are the scale's, and no search of them stands beside these results: {'; '.join(parts)}."
    seeds = ", ".join(map(str, record.get("seeds") or [record["seed"]]))
    judge = metric_label(record["metric"], suite.extractor)
    others = [sampler for sampler in samplers if sampler not in record["winners"]]
    fixed = ", ".join(suite.sampler(name).label for name in others if is_corrected(suite.sampler(name)))
    but = f" (but those of {fixed})" if fixed else ""
    return (
        f"Constants{but} were tuned by the search through {record['suite']} on {suite.method(suite.baseline).label} of "
        f"seeds {seeds}, which no table reports, by {judge}: {'; '.join(parts)}."
    )


def _search(sheet: Sheet, suite: Suite) -> dict[str, Any]:
    """The record of the search through the suite, or of the one that there is; {} without one."""
    known = sheet.benchmark.tuning.samplers
    for name in [suite.name] if suite.name in known else known:
        if record := Tree(sheet.root).shown(sheet.root / f"tuning/{name}-samplers.json", SamplerTuningForm):
            return record
    return {}


def written(options: dict[str, Any]) -> str:
    """The constants of a correction: ``low 0.05, high 0.01``, and ``low 0.05, 0.02 at NFE 5, 10`` by step count."""
    return ", ".join(_words({key: value for key, value in options.items() if key in NAMES}))


def _words(constants: dict[Any, Any]) -> Iterator[str]:
    for key, value in constants.items():
        if isinstance(value, dict) and all(isinstance(nfe, int) for nfe in value):
            nfes = sorted(value)
            yield f"{key} {', '.join(f'{value[nfe]:g}' for nfe in nfes)} at NFE {', '.join(map(str, nfes))}"
        elif isinstance(value, dict):
            yield from _words(value)
        elif not isinstance(value, str):
            yield f"{key} {value:g}"
