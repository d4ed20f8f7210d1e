"""The ``config.json`` of a finished run: checked before its weights are used; counters and provenance for records."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from atbench.runtime import provenance
from atbench.runtime.device import cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.spec.address import Run
from atbench.spec.judging import Linked
from atbench.spec.parents import recorded_hash, rests_on_the_same
from atbench.spec.records import RunForm
from atbench.spec.run import RunSpec
from atbench.tasks.take import take


def counts_at(counts: dict[str, int], batches: int) -> dict[str, int]:
    """The counters at a snapshot of a run that ended at ``counts``: what a batch costs is constant within it."""
    return {name: count * batches // max(counts["batches"], 1) for name, count in counts.items()}


def trained(run: RunSpec | Linked) -> dict[str, Any]:
    """The ``config.json`` of a finished run, checked against the present configuration.

    Where the run was not trained here, its released weights are taken. Raises UserError as `take` does.
    """
    if not (run.address.record.exists() and run.address.weights().exists()):
        take(run)
    return as_configured(run)


def as_configured(run: RunSpec | Linked) -> dict[str, Any]:
    """The same of a run that is here."""
    file = run.address.record
    record = RunForm.read(file)
    if record["digest"] != run.digest:
        raise UserError(f"{file}: digest {record['digest']} is not {run.digest}; rerun its training")
    return record


def is_current(run: RunSpec, pipeline: str | None = None) -> bool:
    """Whether a run is finished, by the present configuration and inputs, and each of its files is what it was then.

    pipeline: hash of the one at hand, for a run that is taught by one.
    A record that does not tell its files shows nothing of the kind.
    """
    address = run.address
    needed = [address.state, address.log, *(address.weights(step) for step in run.snapshots)]
    try:
        record = as_configured(run)
        files, inputs = (record.get(block) for block in ("files", "inputs"))
        if not isinstance(files, dict) or {address.path / name for name in files} != {*needed}:
            return False
        if pipeline is not None and not (isinstance(inputs, dict) and inputs.get("pipeline") == pipeline):
            return False
        same = all(recorded_hash(address, path) == file_hash(path) for path in needed)
        return same and rests_on_the_same(run) is not False
    except UserError:  # of a record or file that is missing, of another configuration
        return False


def verified(run: Run, file: Path) -> str:
    """SHA-256 of a file of a finished run. Raises UserError for another file than the one its record tells of."""
    found = file_hash(file)
    if recorded_hash(run, file) not in (None, found):
        raise UserError(f"{file}: not the file that {run.record} tells of: damaged or replaced; rerun its training")
    return found


def made_on(device: torch.device) -> dict[str, Any]:
    """What every ``provenance`` begins with: commit, protocol, versions of the libraries, device and threads."""
    return provenance.commit() | {
        "protocol": provenance.PROTOCOL,
        "versions": provenance.versions(),
        "device": describe(device),
        "threads": torch.get_num_threads(),
    }


def measured(part: str, device: torch.device, begin: float, sources: tuple[str, ...] = ()) -> dict[str, Any]:
    """The ``provenance`` of a measurement that began at the CPU second ``begin``; ``sources`` as in `source_hash`."""
    return made_on(device) | {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "sources": {part: provenance.source_hash(part, sources)},
        "seconds": round(cpu_seconds() - begin, 3),
    }
