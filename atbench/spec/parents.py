"""Whether a run still rests on what it was trained from, by the records of both."""

from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.runtime.records import Record
from atbench.spec.address import Run
from atbench.spec.records import RunForm
from atbench.spec.run import RunSpec


def rests_on_the_same(run: RunSpec) -> bool | None:
    """Whether a run was trained from the very files that other runs now say they have; None where no record tells.

    By the records alone, which is quick: whoever uses a file compares it with its record.
    """
    record = _of(run.address)
    pairs = [(record.get("inputs", {}).get(link), recorded_hash(*file)) for link, file in run.rests_on.items()]
    if not record or any(None in pair for pair in pairs):
        return None
    return all(before == now for before, now in pairs)


def recorded_hash(run: Run, file: Path) -> str | None:
    """SHA-256 of a file of a finished run, by its record; None where that does not tell."""
    entry = _of(run).get("files", {}).get(file.relative_to(run.path).as_posix())
    return entry["sha256"] if entry else None


def _of(run: Run) -> Record:
    """The record of a finished run, empty where none can be believed."""
    try:
        return RunForm.read(run.record)
    except UserError:
        return {}
