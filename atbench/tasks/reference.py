"""Build what every cell is compared with: the features of the real images, and the rows that bracket all scores."""

import torch

from atbench import plan
from atbench.config import Benchmark
from atbench.data import ImageSet, load
from atbench.metric_names import distance_name
from atbench.metrics.anchors import reference_rows
from atbench.metrics.extractors import PACKAGED, WANTED, load_extractor
from atbench.metrics.extractors.clean_fid import cross_checked
from atbench.metrics.features import Extractor, feature_rank
from atbench.metrics.reference import Reference, build_reference
from atbench.metrics.score import check_options
from atbench.rng import generator, seed_of
from atbench.runtime import provenance
from atbench.runtime.device import choose, cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_json
from atbench.tasks.pretrained import CLEAN_FID_VARIABLE, EXTRACTOR_VARIABLE, path_in
from atbench.tasks.run_record import trained


def reference(benchmark: Benchmark, suite: str, images: int | None = None) -> None:
    """Write what ``suite`` is judged by: the features of its real images, and ``...-rows.json`` with the floor,
    held-out and ceiling rows and the extractor's record.

    images: so many of each split, and of samples for the rows, at paths that name the number. No cell is judged by
    them: they show on a slow machine what an extractor makes of a data set. Raises UserError for more than there are,
    or too few for the metrics.
    """
    startup = cpu_seconds()
    device = choose(benchmark.sizes["threads"])
    data, evaluation = plan.judged_by(benchmark, suite), plan.evaluation_of(benchmark, suite)
    samples = evaluation["samples"] if images is None else images
    extractor = scale_extractor(benchmark, device)
    train, heldout = (drawn(load(data, split), images) for split in ("train", "held-out"))
    for count, what in ((len(heldout), "held-out images"), (samples, "samples")):
        check_options(evaluation["metrics"], count, len(train), what)  # before hours of features
    # Only among the images that a model was trained on can it have copied one.
    at_training = data == plan.data_of(benchmark, suite)
    built = build_reference(train.images, heldout.images, extractor, data["name"], keep_images=at_training)
    rows = reference_rows(
        built,
        extractor,
        samples,
        evaluation["floor_repeats"],
        seed_of("reference", data["name"]),
        evaluation["metrics"],
    )
    floor = {key: {"mean": mean, "std": rows["floor_std"][key]} for key, mean in rows["floor"].items()}
    built.save(plan.reference_path(benchmark, suite, images))
    write_json(
        plan.rows_path(benchmark, suite, images),
        {
            "floor": floor,
            "held-out": rows["heldout"],
            "ceiling": rows["ceiling"],
            "distance_name": distance_name(extractor.name),
            "counts": built.counts | {"samples": samples, "floor_repeats": evaluation["floor_repeats"]},
            "extractor": extractor_record(extractor, built, heldout.labels if at_home(benchmark, data) else None),
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


def at_home(benchmark: Benchmark, data: dict) -> bool:
    """Whether the extractor was trained on ``data``: only then do its classes mean anything there."""
    run = plan.extractor_run(benchmark)
    return run is not None and plan.data_of(benchmark, run.suite) == data


def scale_extractor(benchmark: Benchmark, device) -> Extractor:
    """The scale's extractor: trained by its own run, or pretrained in an installed package or the file that
    ATBENCH_EXTRACTOR names; with clean-fid's features beside its own where the scale has `cross_checks`.

    Raises UserError when the run is stale or missing, the package is not installed or the variable is not set.
    """
    extractor, modes = _own_extractor(benchmark, device), benchmark.sizes.get("cross_checks")
    return cross_checked(extractor, path_in(CLEAN_FID_VARIABLE, WANTED["clean-fid"]), modes) if modes else extractor


def _own_extractor(benchmark: Benchmark, device) -> Extractor:
    name, run = benchmark.sizes["extractor"], plan.extractor_run(benchmark)
    if run is not None:
        trained(run)
        return load_extractor(name, run.weights(), device)
    if name in PACKAGED:
        return load_extractor(name, PACKAGED[name](), device)
    return load_extractor(name, path_in(EXTRACTOR_VARIABLE, f"extractor {name}: {WANTED[name]}"), device)


def extractor_record(extractor: Extractor, reference: Reference, labels) -> dict:
    """What tells whether an extractor's distances mean something: accuracy on unseen images, rank of its features."""
    record = {"name": extractor.name, "hash": extractor.hash, "feature_rank": feature_rank(reference.train.features)}
    if labels is not None:
        predicted = reference.heldout.features.logits.argmax(1)
        record["heldout_accuracy"] = (predicted == labels).float().mean().item()
    return record
