"""Colours and markers of methods: the same in every figure of a suite, safe for colour-blind readers."""

from dataclasses import dataclass
from itertools import cycle

from atbench.reading.methods import ordered
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
# Of step counts, where a figure tells methods apart by place: from few to many.
NFE_STYLES = (
    Style("#d55e00", "o"),
    Style("#0072b2", "s"),
    Style("#009e73", "^"),
    Style("#cc79a7", "D"),
    Style("#000000", "v"),
)
REFERENCE = Style("#595959", "", "--")

RC = {
    "font.family": "DejaVu Sans",  # ships with matplotlib: the same glyphs on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "legend.fontsize": 8,
    "figure.titlesize": 9,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "lines.linewidth": 1.2,
    "lines.markersize": 4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "savefig.dpi": 160,
    "pdf.fonttype": 42,  # embedded TrueType: text stays text
    "svg.hashsalt": "atbench",
    "figure.constrained_layout.use": True,
}


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
