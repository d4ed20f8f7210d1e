"""What every figure needs: readable log axes, one legend, and files whose bytes depend on the data alone."""

from io import BytesIO
from pathlib import Path

import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from PIL import Image

from atbench.reading.methods import budgets
from atbench.reading.rows import Rows
from atbench.report.captions import REFERENCE_LABELS, gaps
from atbench.report.style import REFERENCE, looks
from atbench.runtime.files import write_atomically
from atbench.spec.address import FINAL
from atbench.spec.benchmark import Suite
from atbench.spec.grid import nfe_of, samplers_of
from atbench.spec.metrics import metric_label

WIDTH = 6.9  # inches, the text width of a two-column page
PANEL = 2.2  # inches, height of one row of panels
COLOURS = 128  # of a PNG: no pixel moves by more than a twelfth of its range, and the file is a third as large
NO_RESULTS = "no results yet"
ONE_TWO_FIVE = (1, 2, 5)  # multiples of powers of ten that carry a tick


def save(figure: Figure, path: Path) -> Path:
    """Write ``figure`` as PDF or PNG, by the suffix of ``path``. Equal figures give equal bytes."""
    write = {".pdf": _pdf, ".png": _png}[path.suffix]
    write_atomically(path, lambda temporary: write(figure, temporary))
    return path


def _pdf(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"CreationDate": None, "ModDate": None})  # dates would make equal figures differ


def _png(figure: Figure, path: Path) -> None:
    with BytesIO() as drawn:
        figure.savefig(drawn, format="png")
        with Image.open(drawn) as image:
            few = image.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
            few.save(path, optimize=True, dpi=image.info["dpi"])


def empty(title: str) -> Figure:
    """The figure of a suite without a single result."""
    figure = Figure(figsize=(WIDTH, PANEL))
    figure.suptitle(title)
    axes = figure.subplots()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.text(0.5, 0.5, NO_RESULTS, ha="center", va="center", fontsize=14, color=REFERENCE.colour)
    return figure


def title(suite: Suite, frame: pd.DataFrame) -> str:
    """Two lines: suite and conditions; what is missing from the figure."""
    seeds = frame.seed.nunique()
    samples = f"{suite.evaluation.samples:,} samples per cell"
    size = f"scale {suite.scale}; {samples}; {seeds} seed{'s' if seeds != 1 else ''}"
    conditions = f"{suite.title} ({size})"
    complete = (frame.status == "done").all()
    return conditions if complete else f"{conditions}\n{gaps(frame)}"


def quality_nfe(suite: Suite, cells: pd.DataFrame, rows: Rows) -> Figure:
    """Distance of the last step against NFE, both logarithmic: one panel per sampler, error bars over seeds.

    ``cells`` are the suite's declared cells, ``rows`` the reference rows (or {}).
    """
    cells = cells[cells.step == FINAL]
    if cells.fd.isna().all():
        return empty(title(suite, cells))
    samplers = samplers_of(suite)
    columns = min(4, len(samplers))
    lines = -(-len(samplers) // columns)
    figure = Figure(figsize=(WIDTH, PANEL * lines + 1.0))
    panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
    for axes, sampler in zip(panels.flat, samplers):
        _quality_panel(axes, suite, cells[cells.sampler == sampler])
        draw_floor(axes, rows)
        axes.set_title(suite.sampler(sampler).label)
        axes.set_xlabel("NFE (network evaluations)", fontsize=7)
        log_axis(axes.xaxis, nfe_of(suite, sampler))
    for axes in list(panels.flat)[len(samplers) :]:
        axes.set_visible(False)
    fit_distance(panels[0, 0].yaxis, cells.fd, rows)
    for axes in panels[:, 0]:
        axes.set_ylabel(f"{metric_label('fd', suite.extractor)} (lower is better)")
    figure.suptitle(title(suite, cells))
    legend(figure, columns=2)
    return figure


def _quality_panel(axes: Axes, suite: Suite, cells: pd.DataFrame) -> None:
    spent = budgets(suite)
    for name, look in looks(suite).items():
        spread = cells[cells.method == name].groupby("nfe").fd.agg(["mean", "std"])
        axes.errorbar(
            spread.index,
            spread["mean"],
            spread["std"].fillna(0),
            color=look.colour,
            marker=look.marker,
            linestyle=look.line,
            capsize=2,
            label=f"{suite.method(name).label} ({spent[name]})",
        )


def draw_floor(axes: Axes, rows: Rows) -> None:
    """The distance that images of the training set itself reach, as a dashed line."""
    if "fd" in rows.get("floor", {}):
        label = REFERENCE_LABELS["floor"]
        axes.axhline(rows["floor"]["fd"]["mean"], color=REFERENCE.colour, linestyle=(0, (2, 2)), lw=0.9, label=label)


def fit_distance(axis: Axis, values: pd.Series, rows: Rows) -> None:
    """A logarithmic axis for the distances ``values``, the floor included."""
    floor = rows.get("floor", {}).get("fd", {}).get("mean")
    shown = [*values.dropna(), *([floor] if floor is not None else [])]
    low, high = min(shown), max(shown)
    if low > 0:
        margin = (high / low) ** 0.06 if high > low else 1.1
        # 1-2-5 ticks leave a narrow range without any; there, evenly spaced values serve better.
        narrow = ticker.MaxNLocator(5, steps=[1, 2, 5, 10])
        log_axis(axis, ticker.LogLocator(subs=ONE_TWO_FIVE) if high / low >= 8 else narrow)
        axis.axes.set(**{f"{axis.axis_name}lim": (low / margin, high * margin)})


def log_axis(axis: Axis, ticks: ticker.Locator | list[float]) -> None:
    """A logarithmic axis with plain numbers at ``ticks`` and nowhere else."""
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(ticker.FixedLocator(ticks) if isinstance(ticks, list) else ticks)
    axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axis.set_minor_locator(ticker.NullLocator())


def legend(figure: Figure, columns: int = 6) -> None:
    """One legend below all panels, each label once and the floor after the methods, as many columns as fit."""
    pairs = [axes.get_legend_handles_labels() for axes in figure.axes]
    entries = {label: handle for handles, labels in pairs for handle, label in zip(handles, labels)}
    labels = sorted(entries, key=lambda label: label == REFERENCE_LABELS["floor"])  # stable: methods keep their order
    handles = [entries[label] for label in labels]
    for count in range(min(columns, len(labels)), 0, -1):
        drawn = figure.legend(handles, labels, loc="outside lower center", ncols=count)
        if count == 1 or drawn.get_window_extent().width <= figure.bbox.width:
            break
        drawn.remove()
