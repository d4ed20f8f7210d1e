"""Made-up parts of records, in the form that real ones have."""

from atbench.runtime.files import file_hash
from atbench.runtime.provenance import PROTOCOL
from atbench.runtime.records import write_record
from atbench.spec.run import RunSpec

COMMIT = "0123456789" * 4
HASHES = {name: digit * 64 for name, digit in (("weights", "a"), ("reference", "b"), ("extractor", "c"))}
SOURCES = {"training": "1" * 16, "evaluation": "2" * 16}  # hashes of the sources


def provenance(**more: object) -> dict:
    """Where a made-up number comes from."""
    return {"commit": COMMIT, "dirty": False, "protocol": PROTOCOL, "sources": SOURCES} | more


def run_record(run: RunSpec) -> dict:
    """The ``config.json`` of a run that was never trained."""
    spent = run.budget()
    return {
        "digest": run.digest,
        "slice": run.slice,
        "counts": {"batches": spent.batches, "updates": spent.updates},
        "parameters": 1000,
        "seconds": {"startup": 2.0, "training": 10.0},
        "provenance": provenance(sources={"training": SOURCES["training"]}),
    }


def write_trained(run: RunSpec, content: bytes = b"weights") -> None:
    """What the training of a run leaves for others to use, below the current folder: weights and ``config.json``."""
    files = {}
    for step in run.snapshots:
        path = run.address.weights(step)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content + str(run).encode())
        files[f"weights/{path.name}"] = {"sha256": file_hash(path), "bytes": path.stat().st_size}
    write_record(run.address.record, run_record(run) | {"files": files})


def rows_record(floor: dict, heldout: dict, ceiling: dict) -> dict:
    """The rows beside cells."""
    return {
        "floor": floor,
        "held-out": heldout,
        "ceiling": ceiling,
        "distance_name": "FD-digits",
        "counts": {"train": 1438, "heldout": 359, "samples": 192, "floor_repeats": 3},
        "extractor": {"name": "digits-cnn", "hash": HASHES["extractor"], "feature_rank": 8.0},
        "inputs": {"reference": HASHES["reference"], "data": {"train": "d", "held-out": "e"}},
        "seconds": {"startup": 1.0, "reference": 4.0},
        "provenance": provenance(),
    }
