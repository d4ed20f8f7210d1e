"""Build what every cell is compared with: the features of the real images, and the rows that bracket all scores."""

from typing import Any

import torch
from torch import Tensor

from atbench.data import ImageSet, load_to_use
from atbench.metrics.anchors import reference_rows
from atbench.metrics.degenerate import check_reference
from atbench.metrics.features import Extractor, feature_rank
from atbench.metrics.reference import Reference, build_reference
from atbench.metrics.score import check_options
from atbench.rng import generator, seed_of
from atbench.runtime import provenance
from atbench.runtime.device import choose, cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from atbench.spec.benchmark import Suite
from atbench.spec.metrics import distance_name
from atbench.tasks.evaluate import GRID_SIDE, save_grid
from atbench.tasks.judge import extractor_of


def reference(suite: Suite, images: int | None = None) -> None:
    """Write what a suite is judged by: the features of its real images, ``...-rows.json`` with the floor, held-out and
    ceiling rows and the extractor's record, and a small picture of held-out images.

    images: so many of each split, and of samples for the rows, at paths that name the number. No cell is judged by
    them: they show on a slow machine what an extractor makes of a data set. Raises UserError for more than there are,
    or too few for the metrics.
    """
    startup = cpu_seconds()
    device = choose(suite.threads)
    data, evaluation, judging = suite.judged_by, suite.evaluation, suite.judging
    samples = evaluation.samples if images is None else images
    extractor = extractor_of(judging, device)
    train, heldout = (drawn(load_to_use(data, split), images) for split in ("train", "held-out"))
    for count, what in ((len(heldout), "held-out images"), (samples, "samples")):
        check_options(evaluation.metrics, count, len(train), what)  # before hours of features
    # Only among the images that a model was trained on can it have copied one.
    at_training = data.written() == suite.data.written()
    built = build_reference(train.images, heldout.images, extractor, data.name, keep_images=at_training)
    for split in (built.train, built.heldout):
        check_reference(split.features, data.name)
    seed, repeats = seed_of("reference", data.name), evaluation.floor_repeats
    rows = reference_rows(built, extractor, samples, repeats, seed, evaluation.metrics)
    floor = {key: {"mean": mean, "std": rows["floor_std"][key]} for key, mean in rows["floor"].items()}
    built.save(judging.reference_path(images))
    if images is None:
        save_grid(judging.picture_path, drawn(heldout, min(GRID_SIDE**2, len(heldout))).images)
    write_record(
        judging.rows_path(images),
        {
            "floor": floor,
            "held-out": rows["heldout"],
            "ceiling": rows["ceiling"],
            "distance_name": distance_name(extractor.name),
            "counts": built.counts | {"samples": samples, "floor_repeats": repeats},
            "extractor": extractor_record(extractor, built, heldout.labels if judging.knows_classes else None),
            "inputs": {"reference": built.hash, "data": {"train": train.hash, "held-out": heldout.hash}},
            "seconds": {"startup": startup, "reference": round(cpu_seconds() - startup, 3)},
            "provenance": provenance.commit() | {"versions": provenance.versions(), "device": describe(device)},
        },
    )


def drawn(images: ImageSet, count: int | None) -> ImageSet:
    """``count`` images in a fixed random choice, or all of them. Raises UserError when there are fewer."""
    if count is None:
        return images
    if not 2 <= count <= len(images):
        raise UserError(f"--images {count}: {images.name} has a split of {len(images)}; allowed: 2 to {len(images)}")
    rows = torch.randperm(len(images), generator=generator("reference", images.name, len(images)))[:count]
    labels = None if images.labels is None else images.labels[rows]
    return ImageSet(images.name, images.images[rows], labels, images.class_names)


def extractor_record(extractor: Extractor, reference: Reference, labels: Tensor | None) -> dict[str, Any]:
    """What tells whether an extractor's distances mean something: accuracy on unseen images, rank of its features."""
    record = {"name": extractor.name, "hash": extractor.hash, "feature_rank": feature_rank(reference.train.features)}
    if labels is not None:
        predicted = reference.heldout.features.logits.argmax(1)
        record["heldout_accuracy"] = (predicted == labels).float().mean().item()
    return record
