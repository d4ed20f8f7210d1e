"""Colours, markers and order of methods: the same everywhere, safe for colour-blind readers."""

from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True)
class Style:
    """How a method looks in every figure."""

    colour: str
    marker: str
    line: str = "-"


# Okabe and Ito's palette. The second ADM budget is a lighter black with a broken line; the constants of the
# authors' scripts take the lighter hue of their method, also broken.
STYLES = {
    "adm": Style("#000000", "o"),
    "adm-3x": Style("#7f7f7f", "s", "--"),
    "ip": Style("#0072b2", "^"),
    "at": Style("#d55e00", "D"),
    "ip-script": Style("#56b4e9", "v", "-."),
    "at-script": Style("#e69f00", "d", "-."),
    "cm": Style("#000000", "o"),
    "cm-forward": Style("#b0b0b0", "s", ":"),
    "cm-3x": Style("#7f7f7f", "s", "--"),
    "cm-ip": Style("#0072b2", "^"),
    "cm-at": Style("#d55e00", "D"),
    "lcm": Style("#000000", "o"),
    "lcm-forward": Style("#b0b0b0", "s", ":"),
    "lcm-3x": Style("#7f7f7f", "s", "--"),
    "lcm-ip": Style("#0072b2", "^"),
    "lcm-at": Style("#d55e00", "D"),
    "ldm": Style("#009e73", "P", ":"),
    "teacher": Style("#009e73", "P", ":"),
}
SPARE = (Style("#009e73", "P", ":"), Style("#cc79a7", "X", ":"), Style("#f0e442", "*", ":"))
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


def style(method: str) -> Style:
    """The style of a method; one that is not listed gets a spare style fixed by its name."""
    return STYLES.get(method) or SPARE[crc32(method.encode()) % len(SPARE)]


def ordered(methods: list[str]) -> list[str]:
    """Methods in the order of tables and legends: as in STYLES, then by name."""
    rank = {name: place for place, name in enumerate(STYLES)}
    return sorted(methods, key=lambda name: (rank.get(name, len(rank)), name))
