"""The ``config.json`` of a run: what was trained, at what cost; evaluation checks it before it uses the weights."""

from datetime import UTC, datetime

import torch

from atbench import plan, slices
from atbench.runtime import processes, provenance
from atbench.runtime.device import cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, read_json
from atbench.spec.address import Run
from atbench.training.loop import Trainer
from atbench.training.objectives import OBJECTIVES


def counts_at(counts: dict, batches: int) -> dict:
    """The counters at a snapshot of a run that ended at ``counts``: what a batch costs is constant within it."""
    return {name: count * batches // max(counts["batches"], 1) for name, count in counts.items()}


def trained(run: Run) -> dict:
    """The ``config.json`` of a finished run, checked against the present configuration."""
    record = read_json(run.path / "config.json")
    expected = slices.training_digest(plan.of_run(run), run)
    if record.get("digest") != expected:
        raise UserError(f"{run}/config.json: digest {record.get('digest')} is not {expected}; rerun its training")
    return record


def network_name(config: dict) -> str:
    """The network of a training slice: the released one that it starts from, or what its objective trains."""
    return config.get("pretrained", OBJECTIVES[config["objective"]].network)


def measured(part: str, device: torch.device, begin: float) -> dict:
    """The ``provenance`` of a measurement by the sources of ``part`` that began at the CPU second ``begin``."""
    return provenance.commit() | {
        "versions": provenance.versions(),
        "device": describe(device),
        "threads": torch.get_num_threads(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "sources": {part: provenance.source_hash(part)},
        "seconds": round(cpu_seconds() - begin, 3),
    }


def run_record(config: dict, images, trainer: Trainer, seconds: dict, device: torch.device) -> dict:
    """``images`` is what the run trained on, an ImageSet or EncodedPairs."""
    pipeline = getattr(images, "pipeline", None)
    return {
        "digest": digest(config),
        "slice": config,
        "data": {"name": images.name, "hash": images.hash, "images": len(images)},
        **({"inputs": {"pipeline": pipeline.hash}} if pipeline else {}),
        "counts": trainer.counts,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "seconds": seconds,
        "provenance": provenance.commit()
        | {
            "versions": provenance.versions(),
            "device": describe(device),
            "threads": torch.get_num_threads(),
            "processes": processes.count(),
            "sources": {"training": provenance.source_hash("training")},
        },
    }
