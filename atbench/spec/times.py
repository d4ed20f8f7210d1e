"""Snakemake goes by times: what else makes a result old is told to it by the times of files."""

import os
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record
from atbench.spec.address import Run
from atbench.spec.run import CellSpec, RunSpec

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


def rests_on_the_same(run: RunSpec) -> bool | None:
    """Whether a run was trained from the very files that other runs now say they have; None where no record tells.

    By the records alone, which is quick: whoever uses a file compares it with its record.
    """
    try:
        inputs = read_record(run.address.record).get("inputs")
    except UserError:
        return None
    used = inputs if isinstance(inputs, dict) else {}
    pairs = [(used.get(link), recorded_hash(owner, file)) for link, (owner, file) in run.rests_on.items()]
    if any(None in pair for pair in pairs):
        return None
    return all(before == now for before, now in pairs)


def recorded_hash(run: Run, file: Path) -> str | None:
    """SHA-256 of a file of a finished run, by its record; None where that does not tell."""
    try:
        files = read_record(run.record).get("files")
    except UserError:
        return None
    entry = files.get(file.relative_to(run.path).as_posix()) if isinstance(files, dict) else None
    found = entry.get("sha256") if isinstance(entry, dict) else None
    return found if isinstance(found, str) else None


def notice_other_parents(run: RunSpec) -> bool:
    """Whether times may not make a run old: it was trained from what is there, wherever that was copied to.

    One that was trained from something else is set back in time.
    """
    same = rests_on_the_same(run)
    if same is False:
        os.utime(run.address.record, (1, 1))
    there = all(file.exists() and owner.weights_folder.exists() for owner, file in run.rests_on.values())
    return same is True and there and all(map(notice_other_parents, run.parents.values()))


def _is_current(cell: CellSpec) -> bool:
    try:
        return bool(read_record(cell.address.path).get("config") == cell.digests)
    except UserError:  # cut off, or no record at all
        return False
