"""How methods look on the page: the colours, markers and lines of the printed figures, as Vega and SVG write them."""

import math

from atbench.report.style import Style

DASHES = {"-": [1, 0], "--": [6, 3], "-.": [6, 3, 1, 3], ":": [2, 2]}  # of matplotlib's line styles


def _polygon(corners: int, turn: float = 0, inner: float = 1.0) -> str:
    """A path in -1..1 with its first corner on top; every second corner at ``inner`` of the radius: a star."""
    count = corners if inner == 1.0 else 2 * corners
    angles = [math.tau * k / count + turn - math.tau / 4 for k in range(count)]
    radii = [1.0 if k % 2 == 0 else inner for k in range(count)]
    points = [f"{r * math.cos(a):.3f},{r * math.sin(a):.3f}" for r, a in zip(radii, angles)]
    return f"M{'L'.join(points)}Z"


PLUS = "M-.35,-1H.35V-.35H1V.35H.35V1H-.35V.35H-1V-.35H-.35Z"
CROSS = "M-.95,-.5L-.5,-.95L0,-.45L.5,-.95L.95,-.5L.45,0L.95,.5L.5,.95L0,.45L-.5,.95L-.95,.5L-.45,0Z"
PATHS = {  # of matplotlib's markers
    "o": "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z",
    "s": "M-.85,-.85H.85V.85H-.85Z",
    "^": _polygon(3),
    "v": _polygon(3, math.pi),
    "<": _polygon(3, -math.pi / 2),
    ">": _polygon(3, math.pi / 2),
    "D": _polygon(4),
    "d": "M0,-1.1L.65,0L0,1.1L-.65,0Z",
    "X": CROSS,
    "P": PLUS,
    "*": _polygon(5, inner=0.45),
    "p": _polygon(5),
    "h": _polygon(6),
    "8": _polygon(8),
}


def path(style: Style) -> str:
    """The marker as an SVG path in -1..1."""
    return PATHS[style.marker]
