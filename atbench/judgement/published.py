"""Numbers that the paper itself states, from experiments/paper/*.csv, each with its source."""

import math
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from atbench.runtime.errors import UserError, unknown
from atbench.runtime.files import read_bytes, visible
from atbench.spec import yaml
from atbench.spec.benchmark import Benchmark
from atbench.spec.metrics import METRICS

COLUMNS = ["suite", "method", "sampler", "nfe", "metric", "value", "source"]
SECOND_HAND = "second-hand.csv"  # beside them: what other publications report, which no verdict may read
MOST_BYTES, MOST_COLUMNS = 256 << 10, 99  # of a file of them
Row = dict[str, Any]


def published(benchmark: Benchmark) -> pd.DataFrame:
    """Every number of the paper's own, columns COLUMNS; empty without a file. SECOND_HAND is no part of it.

    Raises UserError naming the file and line of an unknown name, a value that is no positive number, a missing source
    or a number given twice.
    """
    files = [file for file in visible(yaml.EXPERIMENTS / "paper", "*.csv") if file.name != SECOND_HAND]
    rows = [checked(benchmark, where, row) for file in files for where, row in lines(file, COLUMNS)]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    refuse_twice(frame, COLUMNS[:5])
    return frame


def refuse_twice(frame: pd.DataFrame, key: list[str]) -> None:
    """Raises UserError where two rows share ``key``."""
    twice = frame[frame.duplicated(key)]
    if len(twice):
        raise UserError(f"experiments/paper: {' '.join(map(str, twice.iloc[0][key]))}: given twice")


def lines(file: Path, columns: list[str]) -> Iterator[tuple[str, Row]]:
    """The rows of a spreadsheet as text, each with the words for its place.

    Raises UserError naming a file that is no UTF-8 table, or has other columns.
    """
    try:
        text = read_bytes(file, MOST_BYTES).decode("utf-8-sig")
        if "\0" in text or text.partition("\n")[0].count(",") > MOST_COLUMNS:
            raise ValueError("it holds bytes that are no text, or hundreds of columns")
        frame = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{file.name}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
    except (OSError, ValueError) as error:  # pandas' own errors are values too
        raise UserError(f"{file.name}: not a readable table ({' '.join(str(error).split())})") from error
    if list(frame.columns) != columns:
        raise UserError(f"{file.name}: columns are {', '.join(frame.columns)}; wanted: {', '.join(columns)}")
    for place, row in enumerate(frame.to_dict("records"), 2):
        yield f"{file.name}: line {place}", row


def checked(benchmark: Benchmark, where: str, row: Row) -> Row:
    """``row`` with its numbers typed, in place. Raises UserError, as `published` says."""
    known = {"suite": benchmark.declared, "method": benchmark.methods, "sampler": benchmark.samplers, "metric": METRICS}
    for key, names in known.items():
        if row[key] not in names:
            raise UserError(f"{where}: {unknown(key, row[key], names)}")
    try:
        row |= {"nfe": int(row["nfe"]), "value": float(row["value"])}
    except ValueError as error:
        raise UserError(f"{where}: nfe, value: {error}") from error
    if not (0 < row["value"] < math.inf) or not row["source"].strip():
        raise UserError(f"{where}: a published number needs a positive value and a source")
    return row
