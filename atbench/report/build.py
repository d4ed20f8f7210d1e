"""Every table and figure of a scale, or some of them, from the JSON below its root."""

from dataclasses import replace
from functools import singledispatch
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from atbench.reading import tidy
from atbench.reading.sheet import Sheet
from atbench.report import figures, render
from atbench.report.artefact import FIGURE, PAGE, Artefact
from atbench.report.outputs import chosen
from atbench.report.style import settings
from atbench.spec.benchmark import Benchmark


def build(
    benchmark: Benchmark,
    root: Path,
    suites: list[str],
    seeds: list[int] | None = None,
    only: list[str] | None = None,
    width: str = PAGE,
) -> list[Path]:
    """Write the artefacts of ``suites`` below ``root`` and return their paths.

    ``only`` limits this to the artefacts owning these paths (relative to ``root``); a table or figure is always
    written in all of its formats. ``width`` is one of `address.WIDTHS`: for a column figures alone are drawn, into a
    folder of their own. The same JSON gives the same bytes. Raises UserError for an unknown suite or path. What cannot
    be believed becomes a gap, named on standard error.
    """
    root = Path(root)
    sheet = Sheet(benchmark, root, tidy.collect(benchmark, root, suites, seeds), suites)
    wanted = chosen(benchmark, suites, only)
    if width != PAGE:
        wanted = [_beside(made, width) for made in wanted if made.suffixes == FIGURE]
    with matplotlib.rc_context(settings(width)):
        return [path for made in wanted for path in _write(made.draw(sheet), root, made)]


def _beside(made: Artefact, width: str) -> Artefact:
    """A figure under its own name in the folder of its width."""
    stem = Path(made.stem)
    return replace(made, stem=str(stem.parent / width / stem.name))


@singledispatch
def _write(drawn: Any, root: Path, made: Artefact) -> list[Path]:
    """Write what an artefact has drawn, by its type, in each of the artefact's formats; returns their paths."""
    raise TypeError(f"{made.stem}: nothing writes a {type(drawn).__name__}")


@_write.register
def _(drawn: render.Table, root: Path, made: Artefact) -> list[Path]:
    return render.write(drawn, root / made.stem, made.suffixes)


@_write.register
def _(drawn: Figure, root: Path, made: Artefact) -> list[Path]:
    return [figures.save(drawn, root / path) for path in made.paths]


@_write.register
def _(drawn: pd.DataFrame, root: Path, made: Artefact) -> list[Path]:
    return [render.write_text(root / path, render.csv(drawn)) for path in made.paths]


@_write.register
def _(drawn: str, root: Path, made: Artefact) -> list[Path]:
    return [render.write_text(root / path, drawn) for path in made.paths]
