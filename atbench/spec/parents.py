"""Whether a run still rests on what it was trained from, by the records of both."""

from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record
from atbench.spec.address import Run
from atbench.spec.run import RunSpec


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
