"""Every table and figure of a scale, or some of them, from the JSON below its root."""

from pathlib import Path

import matplotlib
import pandas as pd

from atbench.config import Benchmark
from atbench.judgement import claims
from atbench.reading import tidy
from atbench.report import (
    captions,
    cost,
    curves,
    figures,
    mismatch,
    mixture,
    paired,
    points,
    render,
    reviews,
    samples,
    tables,
    verdict_table,
    views,
    wide,
)
from atbench.report.outputs import MEASURES, Artefact, chosen
from atbench.report.style import RC


def build(
    benchmark: Benchmark,
    root: Path,
    suites: list[str],
    seeds: list[int] | None = None,
    only: list[str] | None = None,
) -> list[Path]:
    """Write the artefacts of ``suites`` below ``root`` and return their paths.

    ``only`` limits this to the artefacts owning these paths (relative to ``root``); a table or figure is
    always written in all of its formats. The same JSON gives the same bytes. Raises UserError for an unknown
    suite or path and for unreadable reference rows; unreadable cells become gaps.
    """
    root = Path(root)
    frame = tidy.collect(benchmark, root, suites, seeds)
    return [path for made in chosen(benchmark, suites, only) for path in _write(benchmark, frame, root, made, suites)]


def _write(benchmark: Benchmark, frame: pd.DataFrame, root: Path, made: Artefact, suites: list[str]) -> list[Path]:
    if made.view:
        benchmark, frame = views.narrowed(benchmark, frame, made.suite, made.view)
    if made.kind == "wide":
        benchmark, frame = wide.widened(benchmark, frame, root, made.suite)
    stem = root / made.stem
    if made.kind == "cells":
        tidy.write_cells(frame, stem.with_suffix(".csv"))
        return [stem.with_suffix(".csv")]
    if made.kind == "cost":
        return render.write(cost.table(benchmark, cost.collect(benchmark, root)), stem)
    if made.kind in ("claims", "reviews"):
        verdicts = claims.judge(benchmark, points.collect(benchmark, root, frame, suites), suites)
        if made.kind == "claims":
            return render.write(verdict_table.table(benchmark, frame, verdicts), stem)
        return [render.write_text(stem.with_suffix(".md"), reviews.page(benchmark, frame, verdicts, root, suites))]
    if made.kind == "paired":
        return render.write(paired.table(benchmark, frame, root, made.suite), stem)
    if made.kind == "mismatch":
        return render.write(mismatch.table(benchmark, _measured(benchmark, frame, root, made), made.suite), stem)
    if made.stem.startswith("tables/"):
        return render.write(_table(benchmark, frame, root, made), stem)
    with matplotlib.rc_context(RC):
        figure = _figure(benchmark, frame, root, made)
        return [figures.save(figure, stem.with_suffix(suffix)) for suffix in made.suffixes]


def _table(benchmark: Benchmark, frame: pd.DataFrame, root: Path, made: Artefact) -> render.Table:
    if made.view:  # in the order that the view declares
        return tables.table(benchmark, frame, root, made.suite, "fd", order=list)
    return tables.table(benchmark, frame, root, made.suite, "fd" if made.kind == "wide" else made.kind)


def _figure(benchmark: Benchmark, frame: pd.DataFrame, root: Path, made: Artefact) -> matplotlib.figure.Figure:
    if made.kind == "mixture":
        return mixture.figure(benchmark, mixture.collect(benchmark, root))
    if made.kind in MEASURES:
        return mismatch.figure(benchmark, _measured(benchmark, frame, root, made), made.suite, made.kind)
    cells = tidy.on_grid(frame, made.suite)
    if made.kind == "samples":
        return samples.samples(benchmark, cells, root, made.suite)
    quality = figures.quality_nfe
    draw = {"convergence": curves.convergence, "quality-nfe": quality, "wide": quality, "view": views.figure}
    return draw[made.kind](benchmark, cells, captions.reference_rows(benchmark, root, made.suite), made.suite)


def _measured(benchmark: Benchmark, frame: pd.DataFrame, root: Path, made: Artefact) -> pd.DataFrame:
    return mismatch.collect(benchmark, root, made.suite, tidy.seeds_of(frame, made.suite))
