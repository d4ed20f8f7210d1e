"""One table or figure: where it stands, in which formats, and what draws it.

Light: the Snakefile imports this module at every start, so what draws is imported when it draws.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atbench.reading.sheet import Sheet
from atbench.spec.address import WIDTHS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from atbench.report.render import Table

TABLE = (".csv", ".md", ".tex")
FIGURE = (".pdf", ".png")
PAGE, COLUMN = WIDTHS  # letters are as tall in both


@dataclass(frozen=True)
class Artefact:
    """One table or figure. `atbench.report.build` writes it by the type of what ``draw`` returns."""

    stem: str  # its path below a scale's root, without suffix
    suite: str  # empty for what spans suites
    suffixes: tuple[str, ...]
    draw: Callable[[Sheet], "Table | Figure | pd.DataFrame | str"]
    kind: str = ""  # of a figure that answers a question of reviews.yaml

    @property
    def paths(self) -> list[str]:
        return [self.stem + suffix for suffix in self.suffixes]
