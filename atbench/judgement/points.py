"""The points that claims compare: cells of the grid, and what side measures found beside them."""

import pandas as pd

from atbench.reading.sheet import Sheet
from atbench.spec.probes import probes


def collect(sheet: Sheet) -> pd.DataFrame:
    """The sheet's cells, with the rows of every side measure that claims can use.

    A row of the latter bears the axes of a cell. Raises UserError for an unreadable file of these measures.
    """
    settings = sheet.benchmark.probes
    parts = [probe.claim_rows(sheet) for name, probe in probes().items() if settings[name].claimable()]
    return pd.concat([sheet.frame, *(part for part in parts if len(part))], ignore_index=True)
