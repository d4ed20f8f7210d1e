"""Snakemake goes by times: what else makes a result old is told to it by the times of files."""

import os
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record
from atbench.spec.run import CellSpec

STAMP = ".snakemake_timestamp"  # what Snakemake goes by, in a folder that is one output


def notice_changed_weights(root: str) -> None:
    """Weights that were changed after their training count as new ones: Snakemake sees the folder alone."""
    for stamp in Path(root).glob(f"*/*/seed*/weights/{STAMP}"):
        newest = max((file.stat().st_mtime_ns for file in stamp.parent.glob("*.safetensors")), default=0)
        if newest > stamp.stat().st_mtime_ns:
            os.utime(stamp, ns=(newest, newest))


def notice_stale_cell(cell: CellSpec) -> None:
    """A cell that other settings made is set back in time, so that whoever asks for it gets it made again.

    Snakemake keeps no record of how the cells of a whole run were made: that job's one output is its own record.
    """
    if cell.address.path.exists() and not _is_current(cell):
        os.utime(cell.address.path, (1, 1))  # one second: Snakemake takes 0 for no time at all


def _is_current(cell: CellSpec) -> bool:
    try:
        return bool(read_record(cell.address.path).get("config") == cell.digests)
    except UserError:  # cut off, or no record at all
        return False
