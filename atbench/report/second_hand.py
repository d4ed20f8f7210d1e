"""Second-hand numbers: what other publications report of the paper's methods and of their rivals, beside ours.

They stand in experiments/paper/second-hand.csv, each with its source and caveat, and in a table of their own. No
verdict can read them: `atbench.judgement` imports nothing from here, and `published` leaves their file out.
"""

from pathlib import Path

import pandas as pd

from atbench.judgement.published import COLUMNS, SECOND_HAND, Row, checked, lines, published, refuse_twice
from atbench.reading.tidy import final_cells
from atbench.report.render import Markup, Table, laid_out
from atbench.report.tables import summarise
from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.benchmark import Benchmark

OF_THE_NUMBER = ["images", "extractor", "source", "caveat"]  # what a footnote says
KEYS = [*COLUMNS[:-1], *OF_THE_NUMBER]
LONG = ["suite", "sampler", "method", "kind", "note", "nfe", "value", *OF_THE_NUMBER]
THEIRS, PAPER, HERE = "second-hand", "the paper itself", "here"  # kinds, in the order in which they stand
SAID = (
    f"Second-hand FID: as publications other than the paper report it, not checked by us, and part of no verdict. "
    f"Rows of {PAPER} are of the captions of its figures, rows marked {HERE!r} are means over our seeds. "
    f"Read rows of different footnotes beside each other with their caveats."
)
NONE = {"images": pd.NA, "caveat": "", "extractor": ""}


def second_hand(benchmark: Benchmark) -> pd.DataFrame:
    """Every second-hand number, columns KEYS; empty without the file.

    Raises UserError naming file, line and key of an unknown name, a value that is no positive number, a count of images
    that is none, an empty source, extractor or caveat, or a number given twice by one source.
    """
    file = yaml.EXPERIMENTS / "paper" / SECOND_HAND
    frame = pd.DataFrame(_rows(benchmark, file) if file.exists() else [], columns=KEYS)
    refuse_twice(frame, [*COLUMNS[:5], "source"])
    return frame


def _rows(benchmark: Benchmark, file: Path) -> list[Row]:
    rows = []
    for where, row in lines(file, KEYS):
        for key in ("source", "extractor", "caveat"):
            if not row[key].strip():
                raise UserError(f"{where}: {key}: a second-hand number needs one")
        if not row["images"].isdecimal() or int(row["images"]) == 0:
            raise UserError(f"{where}: images: {row['images']!r} is no number of images")
        rows.append(checked(benchmark, where, row) | {"images": int(row["images"])})
    return rows


def table(benchmark: Benchmark, frame: pd.DataFrame | None = None) -> Table:
    """Second-hand numbers of the main distance, the paper's own and, of ``frame`` by `tidy.collect`, ours.

    Blocks are suites and samplers, rows methods with where their numbers are from, columns step counts.
    """
    numbers = _numbers(benchmark, frame)
    caption = " ".join([SAID, *footnotes(numbers)])
    return Table(numbers, lambda markup: _wide(benchmark, numbers, markup), caption)


def footnotes(numbers: pd.DataFrame) -> list[str]:
    """Sources and caveats of the numbers of `table`, by their marks."""
    notes = numbers[numbers.note > 0].drop_duplicates("note").sort_values("note")
    return [
        f"[{row.note}] {row.source}; {row.images:,} images; extractor: {row.extractor}. {row.caveat}."
        for row in notes.itertuples()
    ]


def _numbers(benchmark: Benchmark, frame: pd.DataFrame | None) -> pd.DataFrame:
    theirs = second_hand(benchmark).assign(kind=THEIRS)
    theirs["note"] = theirs.groupby(OF_THE_NUMBER, sort=False).ngroup() + 1
    paper = published(benchmark).assign(kind=PAPER, note=0, **NONE)
    parts = [theirs, paper] + ([_ours(benchmark, frame, theirs)] if frame is not None else [])
    numbers = pd.concat([part[part.metric == "fd"] for part in parts if len(part)], ignore_index=True)
    return numbers[LONG].astype({"images": "Int64"})


def _ours(benchmark: Benchmark, frame: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Means of the cells that a second-hand number stands beside."""
    grid = theirs[["suite", "sampler", "method", "nfe"]].drop_duplicates()
    found = [
        summarise(final_cells(frame, benchmark.suite(suite)), "fd").assign(suite=suite)
        for suite in grid.suite.unique()
        if suite in benchmark.suites and (frame.suite == suite).any()
    ]
    if not found:
        return theirs.iloc[:0]
    ours = pd.concat(found).merge(grid, on=list(grid)).rename(columns={"mean": "value"})
    return ours[ours.n > 0].assign(kind=HERE, note=0, metric="fd", source="", **NONE)


def _wide(benchmark: Benchmark, numbers: pd.DataFrame, markup: Markup) -> pd.DataFrame:
    nfes = sorted(numbers.nfe.unique())
    placed = numbers.assign(place=numbers.kind.map([THEIRS, PAPER, HERE].index))
    suites = list(dict.fromkeys(numbers.suite))
    samplers, methods = list(benchmark.samplers), list(benchmark.methods)
    placed = placed.assign(
        suite_place=placed.suite.map(suites.index),
        sampler_place=placed.sampler.map(samplers.index),
        method_place=placed.method.map(methods.index),
    ).sort_values(["suite_place", "sampler_place", "method_place", "place", "note"], kind="stable")
    texts: dict[tuple[str, str], list[str]] = {}
    for (suite, sampler, method, kind, note), group in placed.groupby(LONG[:5], sort=False):
        block = f"{benchmark.declared[suite].title}: {benchmark.samplers[sampler].label}"
        row = f"{benchmark.methods[method].label}, {kind}" + (f" [{note}]" if note else "")
        values = group.set_index("nfe").value
        cells = [f"{values[nfe]:.2f}" if nfe in values.index else markup.dash for nfe in nfes]
        texts[markup.escape(block), markup.escape(row)] = cells
    return laid_out(texts, ("Sampler", "Method"), [f"NFE {nfe}" for nfe in nfes])
