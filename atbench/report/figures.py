"""What every figure needs: a heading that says what it shows, readable axes, one legend, equal bytes of equal data."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath
from PIL import Image

from atbench.reading.rows import Rows
from atbench.reading.tidy import begun
from atbench.report.captions import REFERENCE_LABELS, gaps, seeds
from atbench.report.render import NO_RESULTS
from atbench.report.style import HEADING, LETTERS, REFERENCE, across
from atbench.runtime.files import write_atomically
from atbench.spec.benchmark import Suite
from atbench.spec.metrics import HELD_OUT, distance_name, metric_label

PANEL = 1.7  # inches, height of one row of panels
COLOURS = 32  # of a PNG
LEADING = 1.35  # of lines of text, in sizes of its letters
ONE_TWO_FIVE = (1, 2, 5)  # multiples of powers of ten that carry a tick
SPREAD = "± one standard deviation"  # over seeds
INTERVAL = "paired 95 % t-intervals"


def save(figure: Figure, path: Path) -> Path:
    """Write ``figure`` as PDF or PNG, by the suffix of ``path``. Equal figures give equal bytes."""
    write = {".pdf": _pdf, ".png": _png}[path.suffix]
    write_atomically(path, lambda temporary: write(figure, temporary))
    return path


def _pdf(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"CreationDate": None, "ModDate": None})  # dates would make equal figures differ


def _png(figure: Figure, path: Path) -> None:
    """A palette of the commonest colours, so those of methods stay exact; a photograph keeps all of its own.

    Edges have no half-tones (`style.RC`).
    """
    with BytesIO() as drawn:
        figure.savefig(drawn, format="png")
        with Image.open(drawn) as image:
            pixels, dpi = image.convert("RGB"), image.info["dpi"]
    photographs = [each for axes in figure.axes for each in axes.get_images() if np.ndim(each.get_array()) == 3]
    (pixels if photographs else _few_colours(np.asarray(pixels))).save(path, optimize=True, dpi=dpi)


def _few_colours(pixels: np.ndarray) -> Image.Image:
    """Pixels (height, width, 3) with each colour moved to the nearest of the commonest."""
    colours, where, counts = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_inverse=True, return_counts=True)
    parts = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
    palette = parts[np.argsort(-counts, kind="stable")[:COLOURS]]
    nearest = np.square(parts[:, None] - palette).sum(2).argmin(1)
    few = Image.fromarray(nearest[where].reshape(pixels.shape[:2]).astype(np.uint8), "P")
    few.putpalette(palette.astype(np.uint8).tobytes())
    return few


def sheet(height: float) -> Figure:
    """An empty figure of the width that is drawn now, ``height`` inches tall: `heading` and `legend` add their own."""
    return Figure(figsize=(across(), height + 0.3))


def empty(words: str) -> Figure:
    """The figure of a suite without a single result."""
    figure = sheet(PANEL)
    heading(figure, words)
    axes = figure.subplots()
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.text(0.5, 0.5, NO_RESULTS, ha="center", va="center", fontsize=14, color=REFERENCE.colour)
    return figure


def heading(figure: Figure, *lines: str) -> None:
    """What the figure shows and what its marks mean, above all panels; broken where it would be wider than they."""
    broken = [part for line in lines for part in _fitted(line, figure.get_figwidth())]
    figure.suptitle("\n".join(broken), fontsize=HEADING)
    _grow(figure, len(broken) * LEADING * HEADING)


def _grow(figure: Figure, points: float) -> None:
    figure.set_figheight(figure.get_figheight() + points / 72)


def _fitted(words: str, inches: float) -> Iterable[str]:
    """``words`` in lines that are no longer than ``inches`` in the letters of a heading."""
    line = ""
    for word in words.split():
        longer = f"{line} {word}" if line else word
        if line and TextPath((0, 0), longer, size=HEADING).get_extents().width > 72 * (inches - 0.1):
            yield line
            longer = word
        line = longer
    yield line


def title(suite: Suite, frame: pd.DataFrame) -> str:
    """Suite and conditions, and what is missing from the figure."""
    size = f"scale {suite.scale}; {suite.evaluation.samples:,} samples per cell; {seeds(frame)}"
    complete = (begun(frame).status == "done").all()
    return f"{suite.title} ({size}). {'' if complete else gaps(frame)}".rstrip()


def distance_label(suite: Suite) -> str:
    """The axis of a suite's main distance, in lines that a panel is high enough for."""
    if suite.leads == HELD_OUT:
        return f"{distance_name(suite.extractor)} to held-out\nimages (lower is better)"
    return f"Fréchet distance, {metric_label(suite.leads, suite.extractor)}\n(lower is better)"


def beside(place: int, count: int, step: float) -> float:
    """How far the mark of one of ``count`` methods stands from their common place, so that no bar hides another."""
    return step * (place - (count - 1) / 2)


def draw_floor(axes: Axes, suite: Suite, rows: Rows) -> None:
    """The distance that images of the training set itself reach, as a dashed line."""
    if suite.leads in rows.get("floor", {}):
        label = REFERENCE_LABELS["floor"]
        axes.axhline(
            rows["floor"][suite.leads]["mean"], color=REFERENCE.colour, linestyle=(0, (2, 2)), lw=0.9, label=label
        )


def fit_distance(axis: Axis, suite: Suite, cells: pd.DataFrame, rows: Rows) -> None:
    """A logarithmic axis for the leading distances of ``cells``, the floor included."""
    floor, values = rows.get("floor", {}).get(suite.leads, {}).get("mean"), cells[suite.leads]
    shown = [value for value in values if value == value] + ([floor] if floor is not None else [])
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


def legend(figure: Figure) -> None:
    """One legend below all panels, each label once and the floor after the methods, as many columns as fit."""
    pairs = [axes.get_legend_handles_labels() for axes in figure.axes]
    entries = {label: handle for handles, labels in pairs for handle, label in zip(handles, labels)}
    labels = sorted(entries, key=lambda label: label == REFERENCE_LABELS["floor"])  # stable: methods keep their order
    handles = [entries[label] for label in labels]
    for rows in range(1, len(labels) + 1):
        drawn = figure.legend(handles, labels, loc="outside lower center", ncols=-(-len(labels) // rows))
        if rows == len(labels) or drawn.get_window_extent().width <= figure.bbox.width:
            break
        drawn.remove()
    _grow(figure, rows * LEADING * LETTERS + 4)
