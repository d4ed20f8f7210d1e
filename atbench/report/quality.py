"""The distance against the number of network evaluations, a panel per sampler."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from atbench.reading.methods import budgets
from atbench.reading.rows import Rows
from atbench.report.figures import (
    PANEL,
    SPREAD,
    beside,
    distance_label,
    draw_floor,
    empty,
    fit_distance,
    heading,
    legend,
    sheet,
    title,
)
from atbench.report.style import looks, narrow
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import nfe_of, samplers_of


def quality_nfe(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    """Distance of the last step, logarithmic, at every NFE: one panel per sampler, error bars over seeds.

    Step counts stand evenly spaced and methods side by side at each, so that no bar hides another. ``cells`` are the
    suite's declared cells, ``rows`` the reference rows (or {}).
    """
    cells = cells[cells.step == FINAL]
    if cells[suite.leads].isna().all():
        return empty(title(suite, cells))
    samplers = samplers_of(suite)
    columns = min(2 if narrow() else 4, len(samplers))
    lines = -(-len(samplers) // columns)
    figure = sheet(PANEL * lines)
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    words = _labels(suite)
    for axes, sampler in zip(panels.flat, samplers):
        _panel(axes, suite, cells[cells.sampler == sampler], nfe_of(suite, sampler), words)
        draw_floor(axes, suite, rows)
        axes.set_title(suite.sampler(sampler).label)
        axes.set_xlabel("network evaluations (NFE)")
    for axes in list(panels.flat)[len(samplers) :]:
        axes.set_visible(False)
    fit_distance(panels[0, 0].yaxis, suite, cells, rows)
    for axes in panels[:, 0]:
        axes.set_ylabel(distance_label(suite))
    spent = "batches / updates" + " / forward passes" * _passes_count(suite)
    heading(figure, title(suite, cells), f"Points: mean over seeds; bars: {SPREAD}; in parentheses: {spent}.")
    legend(figure)
    return figure


def _passes_count(suite: Suite) -> bool:
    """Whether forward passes do not follow from the updates of some method."""
    return not all(budget.follows_from_updates for budget in budgets(suite).values())


def _labels(suite: Suite) -> dict[str, str]:
    """Method -> its name and what it was trained with, as short as a legend wants it."""
    kinds = ["batches", "updates", *(["cost"] if _passes_count(suite) else [])]
    return {
        name: f"{suite.method(name).label} ({' / '.join(f'{budget.spent(kind):,}' for kind in kinds)})"
        for name, budget in budgets(suite).items()
    }


def _panel(axes: Axes, suite: Suite, cells: pd.DataFrame, nfes: list[int], words: dict[str, str]) -> None:
    there = [name for name in looks(suite) if cells[cells.method == name][suite.leads].notna().any()]
    for place, name in enumerate(there):
        spread = cells[cells.method == name].groupby("nfe")[suite.leads].agg(["mean", "std"]).reindex(nfes)
        look = looks(suite)[name]
        axes.errorbar(
            [at + beside(place, len(there), 0.56 / len(there)) for at in range(len(nfes))],
            spread["mean"],
            spread["std"].fillna(0),
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            elinewidth=0.8,
            label=words[name],
        )
    axes.set_xticks(range(len(nfes)), [str(nfe) for nfe in nfes])
    axes.set_xlim(-0.5, len(nfes) - 0.5)
