"""How figures look: widths, letters, and colours of methods: the same everywhere, safe for colour-blind readers."""

from dataclasses import dataclass
from itertools import cycle
from typing import Any

from matplotlib import rcParams

from atbench.reading.methods import ordered
from atbench.report.artefact import PAGE
from atbench.spec.address import WIDTHS
from atbench.spec.benchmark import Suite


@dataclass(frozen=True)
class Style:
    """How a method looks in every figure."""

    colour: str
    marker: str
    line: str = "-"


# Okabe and Ito's palette, for methods without a style in methods.yaml: all colours before a marker comes again.
COLOURS = ("#cc79a7", "#009e73", "#e69f00", "#56b4e9", "#0072b2", "#d55e00")
MARKERS = ("X", "*", "P", "p", "h", "<", ">", "8")
# Of step counts, from few to many, where rows tell methods apart: a colour always means a method.
NFE_MARKERS = ("o", "s", "^", "D", "v")
REFERENCE = Style("#595959", "", "--")

LETTERS, HEADING = 7, 7.5  # points, of all letters and of those above panels
NARROW = 4.0  # inches: below, fewer panels stand beside each other

RC = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "font.size": LETTERS,
    "axes.titlesize": HEADING,
    "axes.labelsize": LETTERS,
    "legend.fontsize": LETTERS,
    "xtick.labelsize": LETTERS,
    "ytick.labelsize": LETTERS,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.5,
    "errorbar.capsize": 1.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "legend.borderpad": 0.2,
    "figure.figsize": (WIDTHS[PAGE], 3.0),
    "savefig.dpi": 300,
    # So fine, edges need no half-tones, which would make a PNG half as large again. PDF and SVG are not concerned.
    "text.antialiased": False,
    "lines.antialiased": False,
    "patch.antialiased": False,
    "pdf.fonttype": 42,  # embedded TrueType: text stays text
    "pdf.compression": 9,
    "svg.hashsalt": "atbench",
    "figure.constrained_layout.use": True,
}


def settings(width: str = PAGE) -> dict[str, Any]:
    """matplotlib's settings for figures as wide as one of WIDTHS."""
    return RC | {"figure.figsize": (WIDTHS[width], 3.0)}


def across() -> float:
    """Inches from left to right of the figures that are drawn now."""
    return float(rcParams["figure.figsize"][0])


def narrow() -> bool:
    """Whether figures are drawn for a column, where fewer panels fit beside each other."""
    return across() < NARROW


def looks(suite: Suite) -> dict[str, Style]:
    """Method -> how it is drawn, in the order of tables and legends.

    No two methods share colour and marker: one without a style, or with that of a method before it (say of the one
    that it extends), gets the next spare one.
    """
    methods = {name: suite.method(name).style for name in ordered(suite)}
    own: dict[str, Style] = {}
    for name, look in methods.items():
        if look is not None and (look.colour, look.marker) not in _taken(own):
            own[name] = Style(look.colour, look.marker, look.line)
    pairs = [(colour, marker) for marker in MARKERS for colour in COLOURS]
    spare = cycle([Style(*pair, ":") for pair in pairs if pair not in _taken(own)])
    return {name: own.get(name) or next(spare) for name in methods}


def _taken(styles: dict[str, Style]) -> set[tuple[str, str]]:
    return {(style.colour, style.marker) for style in styles.values()}
