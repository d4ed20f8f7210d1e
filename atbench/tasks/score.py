"""Foreign samples: measure images made elsewhere as a row beside ours."""

import hashlib
import re
from pathlib import Path

import torch
from torch import Tensor

from atbench.data.samples_file import read_samples
from atbench.runtime import provenance
from atbench.runtime.device import choose, describe
from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from atbench.spec.address import NAME, ROOT
from atbench.spec.benchmark import Suite
from atbench.spec.datasets import shape_of
from atbench.tasks.judge import Judge
from atbench.tasks.reference import reference

MOST = 100_000  # images of a set: beyond what anybody scores, and what a compressed file can only pretend to hold


def score(suite: Suite, samples: Path, name: str) -> None:
    """Write ``results/<scale>/foreign/<name>.json`` and print its numbers, measured as the cells of ``suite`` are.

    Raises UserError for a bad name, unreadable samples, images of another size, or fewer than the scale's own count:
    every distance here is biased by the count, so a row of another one would not be comparable.
    """
    if not re.fullmatch(NAME, name):
        raise UserError(f"--name: {name!r} must be lower-case letters, digits and single hyphens")
    wanted = suite.evaluation.samples
    images = read_samples(samples, shape_of(suite.judged_by), max(MOST, 10 * wanted))
    if len(images) < wanted:
        raise UserError(
            f"{samples}: {len(images)} images, but the cells of this scale have {wanted} (evaluation.samples)"
        )
    rows = drawn(images, wanted)
    device = choose(suite.threads)
    if not suite.judging.reference_path().exists():  # of a fresh clone: the real images are there
        reference(suite)
    judge = Judge(suite.judging, device)
    record = {
        "name": name,
        "samples": str(samples),
        "metrics": judge.score(images[rows]),
        "counts": {"samples": wanted, "given": len(images), "reference": judge.reference.counts["train"]},
        "inputs": judge.inputs,
        "provenance": provenance.commit() | {"versions": provenance.versions(), "device": describe(device)},
    }
    path = Path(ROOT, suite.scale, "foreign", f"{name}.json")
    write_record(path, record)
    print(f"{path}: " + ", ".join(f"{key} {value:.4g}" for key, value in record["metrics"].items()))


def drawn(images: Tensor, wanted: int) -> Tensor:
    """``wanted`` rows of ``images``, int64: a choice that is as good as random, the same whatever order they lie in.

    The first images in class folders are of the first classes. A hash of the pixels sorts by nothing that is in them.
    """
    if len(images) == wanted:
        return torch.arange(wanted)
    hashes = [hashlib.sha256(image.contiguous().numpy()).digest() for image in images]
    return torch.tensor(sorted(range(len(images)), key=hashes.__getitem__)[:wanted])
