"""Foreign samples: measure images made elsewhere as a row beside ours."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from atbench.data.samples_file import read_samples
from atbench.metrics import public_reference
from atbench.metrics.anchors import floor_of
from atbench.metrics.public_reference import PublicReference
from atbench.rng import seed_of
from atbench.runtime import provenance
from atbench.runtime.device import choose, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.runtime.listing import Listing, Value, listing
from atbench.runtime.records import write_record
from atbench.spec.address import NAME, ROOT
from atbench.spec.benchmark import Suite
from atbench.spec.datasets import FORMATS, shape_of
from atbench.spec.metrics import distance_name
from atbench.spec.score_options import fewest
from atbench.tasks.judge import Judge
from atbench.tasks.reference import reference

MOST = 100_000  # images of a set: beyond what anybody scores, and what a compressed file can only pretend to hold
DRAWS = 8  # behind what so many real images would have


def score(
    suite: Suite, sets: Mapping[str, Path], csv: Path | None = None, against: Mapping[str, Path] | None = None
) -> Listing:
    """Write ``results/<scale>/foreign/<name>.json`` of each set; returns its numbers, measured as cells are.

    sets: name -> samples, any number of images that the metrics take; of more than a cell has, as many are drawn.
    csv: a file for a line per set, beside. against: name -> public reference file, to measure the distance to as well.
    Raises UserError for a bad name, and for unreadable samples, images of another size or too few of them, before
    anything is written.
    """
    for option, names in (("--name", sets), ("--against", against or {})):
        for name in names:
            if not re.fullmatch(NAME, name):
                raise UserError(f"{option}: {name!r} must be lower-case letters, digits and single hyphens")
    check_own_names(suite, against or {})
    shape, most = shape_of(suite.judged_by), max(MOST, 10 * suite.evaluation.samples)
    found = {name: read_samples(samples, shape, most) for name, samples in sets.items()}
    if not suite.judging.reference_path().exists():  # of a fresh clone: the real images are there
        reference(suite)
    judge = Judge(suite.judging, device := choose(suite.threads))
    least = fewest(judge.options, judge.reference.counts["train"])
    for name, images in found.items():
        if len(images) < least:
            raise UserError(f"{sets[name]}: {len(images)} images; the metrics of {suite.scale} take {least} or more")
    others = {name: public_reference.read(path, judge.extractor, shape, most) for name, path in (against or {}).items()}
    source = provenance.commit() | {"versions": provenance.versions(), "device": describe(device)}
    lines: list[dict[str, Any]] = []
    for name, images in found.items():
        rows = drawn(images, suite.evaluation.samples)
        counts = {"samples": len(rows), "given": len(images), "reference": judge.reference.counts["train"]}
        record = {"name": name, "samples": str(sets[name]), "metrics": judge.score(images[rows]), "counts": counts}
        path = Path(ROOT, suite.scale, "foreign", f"{name}.json")
        beside = measured_against(others, judge, images[rows]) if others else {}
        block = {"against": beside} if beside else {}
        write_record(path, record | {"inputs": judge.inputs, "provenance": source} | block)
        few = len(rows) < suite.evaluation.samples
        said = effect_of_count(suite, judge, len(rows)) if few else None
        lines.append(
            {"name": name, "record": str(path), **counts, "metrics": record["metrics"], "effect_of_count": said}
            | {"against": {name: each["metrics"] for name, each in beside.items()}}
        )
    if csv:
        table = [{key: line[key] for key in ("name", "samples", "reference")} | line["metrics"] for line in lines]
        write_atomically(csv, lambda file: pd.DataFrame(table).to_csv(file, index=False))
    distance = distance_name(suite.extractor)
    return listing({"scale": suite.scale, "suite": suite.name, "distance": distance, "sets": lines}, _words)


def _words(value: Value) -> Iterator[str]:
    for line in value["sets"]:
        yield f"{line['record']}: " + ", ".join(f"{key} {number:.4g}" for key, number in line["metrics"].items())
        for name, numbers in line["against"].items():
            words = ", ".join(f"{key} {number:.4g}" for key, number in numbers.items())
            yield f"{line['record']}: against {name}, whose images nobody has checked: {words}"
        if line["effect_of_count"]:
            yield f"{line['record']}: {line['effect_of_count']}"


def check_own_names(suite: Suite, against: Mapping[str, Path]) -> None:
    """Raises UserError for a public file under a name that promises images which are checked on reading."""
    promised = {*FORMATS, suite.judged_by.name, suite.data.name}
    for name, file in against.items():
        if name in promised:
            reason = "promises images that are checked, and what a file of statistics was made of cannot be"
            raise UserError(f"--against {name}={file}: the name {name} {reason}: give it a name of its own")


def measured_against(others: Mapping[str, PublicReference], judge: Judge, images: Tensor) -> dict[str, dict[str, Any]]:
    """Distances of samples to public references, by name, as they stand in a record."""
    features, neighbours = judge.extractor(images), judge.options.pr_neighbours
    return {
        name: {
            "file": str(each.file),
            "sha256": each.hash,
            "images": 0 if each.images is None else len(each.images),
            "metrics": each.measure(features, neighbours),
        }
        for name, each in others.items()
    }


def effect_of_count(suite: Suite, judge: Judge, samples: int) -> str:
    """What fewer images than a cell has do to the distance, in a sentence: real images have one too."""
    seed, wanted = seed_of("floor", judge.reference.data), suite.evaluation.samples
    few, many = (floor_of(judge.reference, count, DRAWS, seed) for count in (samples, wanted))
    return (
        f"{samples:,} images, where cells have {wanted:,}: the fewer, the larger a distance. "
        f"Of real images, {samples:,} have {distance_name(suite.extractor)} {few:.4g} and {wanted:,} have {many:.4g}"
    )


def drawn(images: Tensor, wanted: int) -> Tensor:
    """``wanted`` rows of ``images``, int64, or all where there are fewer.

    A choice that is as good as random, the same whatever order they lie in: the first images in class folders are of
    the first classes. A hash of the pixels sorts by nothing that is in them.
    """
    if len(images) <= wanted:
        return torch.arange(len(images))
    hashes = [hashlib.sha256(image.contiguous().numpy()).digest() for image in images]
    return torch.tensor(sorted(range(len(images)), key=hashes.__getitem__)[:wanted])
