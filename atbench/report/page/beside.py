"""Results of another folder, of another machine or other people, beside ours: cells, means and verdicts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from atbench.judgement import claims, points
from atbench.judgement.claims import NOTHING
from atbench.reading import tidy
from atbench.reading.origins import Origins, cell_key, of_cells
from atbench.reading.sheet import Sheet
from atbench.reading.tree import of_its_time
from atbench.report import compare, tables
from atbench.report.page.grids import HTML, LAST, Entry, Grid
from atbench.report.page.verdicts import SHORT, key_of
from atbench.report.verdict_table import facts, tested_on
from atbench.runtime.errors import UserError
from atbench.spec.address import FINAL, RELEASED, ROOT
from atbench.spec.benchmark import Suite

PLACES = ("", ROOT, RELEASED)  # below a folder that is given, where the scale's own may lie


@dataclass(frozen=True)
class Beside:
    """Another folder's results of the same scale."""

    name: str
    identifier: str
    summary: str  # how many cells agree
    means: Grid
    verdicts: Grid


def found(folder: Path, scale: str, suites: list[str]) -> Path:
    """The scale's results in ``folder``: a checkout, a folder of results, or that of the scale itself.

    Raises UserError where there are none.
    """
    for place in (folder, *(folder / below / scale for below in PLACES)):
        if any((place / suite).is_dir() for suite in suites):
            return place
    raise UserError(
        f"--merge {folder}: holds no results of scale {scale}: give a checkout, its results, or the scale's"
    )


def beside(sheet: Sheet, folder: Path, number: int) -> tuple[Beside, Origins]:
    """What ``folder`` holds of the sheet's cells, as the ``number``-th other, and where its numbers come from.

    Raises UserError where it holds none of them, say because they are of another scale.
    """
    root = found(folder, sheet.benchmark.scale, sheet.suites)
    seeds = sorted({seed for suite in sheet.suites for seed in sheet.seeds_of(suite)})
    benchmark = of_its_time(sheet.benchmark, root)
    frame = tidy.collect(benchmark, root, sheet.suites, seeds)
    if not (frame.status == "done").any():
        problem = next((text for text in frame.problem if text), "every cell is missing")
        raise UserError(f"--merge {folder}: no cell that counts at scale {sheet.benchmark.scale}: {problem}")
    theirs = Sheet(benchmark, root, frame, sheet.suites)
    agreement = compare.verdicts(sheet.benchmark, sheet.root, root, sheet.suites, seeds)
    mark = f"other{number}:"
    own = of_cells(root, points.collect(theirs))
    return (
        Beside(
            str(folder),
            f"other{number}",
            _summary(agreement),
            _means(sheet, theirs, agreement, mark, number),
            _verdicts(sheet, theirs, mark, number),
        ),
        {mark + key: origin for key, origin in own.items()},
    )


def _summary(agreement: pd.DataFrame) -> str:
    count = agreement.verdict.value_counts()
    return f"Of {len(agreement)} cells: {', '.join(f'{n} {verdict}' for verdict, n in count.items())}."


def _means(sheet: Sheet, theirs: Sheet, agreement: pd.DataFrame, mark: str, number: int) -> Grid:
    rows = [
        row for name in sheet.suites for row in _of_suite(sheet.suite(name), sheet.frame, theirs.frame, agreement, mark)
    ]
    caption = (
        f"Main distance of the last step, here and there: mean ± standard deviation over seeds, (n) seeds if "
        f"incomplete. Cells: how the cells of a line, seed by seed, compare. Same: equal in every metric. Within "
        f"noise: the distances differ by at most {compare.LIMIT:g} times the noise, which is the spread over the seeds "
        f"there and the standard error of the cell there together. — no result."
    )
    names = ("Suite", "Sampler", "NFE", "Method")
    return Grid(f"means-{number}", names, ("Here", "There", "Cells"), rows, caption)


def _of_suite(
    suite: Suite, ours: pd.DataFrame, theirs: pd.DataFrame, agreement: pd.DataFrame, mark: str
) -> list[tuple[list[str], list[Entry]]]:
    here, there = (tables.summarise(tidy.final_cells(frame, suite), suite.leads) for frame in (ours, theirs))
    point = ["sampler", "nfe", "method"]
    both = here.merge(there, on=point, how="left", suffixes=("_here", "_there"))
    final = agreement[(agreement.suite == suite.name) & (agreement.step == FINAL)]
    words = {key: group.verdict.value_counts() for key, group in final.groupby(point)}
    digits, rows = tables.decimals(here["mean"]), []
    for row in both.to_dict("records"):
        key = cell_key(suite.name, row["method"], FINAL, row["sampler"], row["nfe"])
        names = [
            suite.title,
            suite.sampler(row["sampler"]).label,
            f"{row['nfe']:.0f}",
            suite.method(row["method"]).label,
        ]
        counted = words[row["sampler"], row["nfe"], row["method"]]
        cells = ", ".join(f"{n} {verdict}" for verdict, n in counted.items())
        entries = [_mean(row, "here", digits, key), _mean(row, "there", digits, mark + key), Entry(cells, cells)]
        rows.append(([HTML.escape(name) for name in names], entries))
    return rows


def _mean(row: dict[str, float], where: str, digits: int, key: str) -> Entry:
    mean, count, declared = (row[f"{name}_{where}"] for name in ("mean", "n", "declared"))
    if not count > 0:
        return Entry(HTML.dash, LAST)
    seeds = f" ({count:.0f})" if count < declared else ""
    return Entry(tables.value_text(mean, row[f"std_{where}"], digits, HTML) + seeds, mean, key)


def _verdicts(sheet: Sheet, theirs: Sheet, mark: str, number: int) -> Grid:
    ours, other = (claims.judge(each.benchmark, points.collect(each), each.suites) for each in (sheet, theirs))
    rows = []
    for place, (here, there) in enumerate(zip(ours.itertuples(), other.itertuples())):
        if NOTHING in (here.verdict, there.verdict) and here.verdict == there.verdict:
            continue
        claim = sheet.benchmark.claims[here.claim].claim
        names = [HTML.escape(text) for text in (claim, tested_on(sheet.benchmark, here), SHORT[here.budget])]
        rows.append((names, [_verdict(sheet, here, key_of(place)), _verdict(sheet, there, "")]))
    caption = "Verdicts on the claims from the results here and from those there, each judged alone by the same rules."
    return Grid(f"verdicts-{number}", ("Claim", "Tested on", "At equal"), ("Here", "There"), rows, caption, prose=True)


def _verdict(sheet: Sheet, row: Any, key: str) -> Entry:
    if row.verdict == NOTHING:
        return Entry(NOTHING, NOTHING)
    seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}"
    return Entry(f"{row.verdict} ({seeds}): {HTML.escape(facts(sheet.benchmark, row)[0])}", row.verdict, key)
