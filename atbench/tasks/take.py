"""Take a run's released weights into the local results, as if it had been trained here. No torch."""

import sys

from atbench.reading.released import released_run
from atbench.runtime.errors import UserError
from atbench.runtime.files import copy, file_hash
from atbench.runtime.records import write_record
from atbench.spec.address import made_by
from atbench.spec.judging import Linked
from atbench.spec.run import RunSpec


def take(run: RunSpec | Linked) -> None:
    """Copy the released weights and the record of a run. The record comes last: without it nothing counts as finished.

    Raises UserError where none of its present configuration are released, naming the command that makes them, and for
    a file that is not what the manifest lists.
    """
    address, found = run.address, released_run(run)
    if found is None:
        command = made_by(address.weights_folder, address.scale)
        raise UserError(f"{address}: its weights are neither here nor released; to make them: {command}")
    address.record.unlink(missing_ok=True)  # of files that go now
    for name, source in found.weights.items():
        target = address.path / name
        copy(source, target)
        if file_hash(target) != found.record["files"][name]["sha256"]:
            target.unlink()
            raise UserError(f"{source}: changed while it was copied")
    write_record(address.record, found.record)
    print(f"{address}: weights taken from {source.parents[1]}", file=sys.stderr, flush=True)  # no result of the command
