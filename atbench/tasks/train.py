"""Train one run: from its address to its snapshots, its final state and its log."""

import math
from dataclasses import replace
from typing import Any

import torch
from tqdm import tqdm

from atbench.data import ImageSet, captions, checked, load_to_use, text_images
from atbench.data.batches import Batches
from atbench.models.checkpoints import read_torch
from atbench.models.stable_diffusion import Pipeline
from atbench.models.weights import build
from atbench.rng import seed_of
from atbench.runtime import processes, provenance
from atbench.runtime.device import choose, describe, state_minutes
from atbench.runtime.errors import UserError
from atbench.runtime.lock import held
from atbench.runtime.records import write_record
from atbench.runtime.stopping import Stopped, Stopping
from atbench.spec.datasets import TEXT_IMAGES
from atbench.spec.models.methods import CONSISTENCY
from atbench.spec.queue import time_limit
from atbench.spec.recipe import Recipe
from atbench.spec.run import RunSpec
from atbench.tasks.latents import EncodedBatches, EncodedPairs, encoded, load_autoencoder
from atbench.tasks.pretrained import load_pipeline, taught_by
from atbench.tasks.progress import Progress
from atbench.tasks.resume import Files, Scratch
from atbench.tasks.run_record import is_current, made_on, verified
from atbench.training.loop import Trainer, TrainingFailure

LOG_EVERY = 20  # batches between lines of train.jsonl
LOCK = "train.lock"  # in the folder of a run that a process trains


def train(run: RunSpec) -> None:
    """Train ``run`` and write its snapshots, ``state.pt``, ``train.jsonl`` and ``config.json``, unless it is current.

    Work in progress lives in ``<run>/resume/``, keyed by the configuration's digest: an interrupted job continues
    from its last state, a changed configuration starts over. Another process that trains the same run is waited for.
    Raises UserError for bad input, a parent run of another configuration, or a loss that is not finite; then the last
    good state stays there with ``<run>/failure.json``. Raises Stopped, the state set aside, after the batch in which a
    signal came or the time was up that ATBENCH_TIME_LIMIT allows.
    """
    stopping, scratch = Stopping(time_limit(math.inf)), Scratch(run, state_minutes())
    device = choose(run.suite.threads)
    processes.join(device)
    pipeline = load_pipeline(run.suite, device)
    with held(run.address.path / LOCK):
        if any(processes.gather([processes.first() and is_current(run, pipeline and pipeline.hash)])):
            print(f"{run}: current, kept", flush=True)
        else:
            train_alone(run, pipeline, scratch, stopping, device)
        if processes.first():
            scratch.forget()
        processes.wait()


def train_alone(
    run: RunSpec, pipeline: Pipeline | None, scratch: Scratch, stopping: Stopping, device: torch.device
) -> None:
    """Train a run that no other process trains, from where ``scratch`` has it."""
    recipe, folder = run.recipe, run.address.path
    images = training_images(run, pipeline, device)
    trainer = new_trainer(recipe, images, device)
    scratch.begin()  # after the optimizer exists: making the first one imports half of torch's compiler
    for parent in run.parents.values() if pipeline else ():
        taught_by(parent, pipeline)
    inputs = start_from_parent(trainer, run)
    if pipeline:
        inputs["pipeline"] = pipeline.hash
    scratch.restore(trainer)
    if processes.first():
        folder.joinpath("failure.json").unlink(missing_ok=True)
    batches, begin = batches_of(images, recipe), trainer.counts["batches"]
    progress = Progress(run.address.progress, begin, run.batches, recipe.training.batch_size)
    with stopping, progress:
        print(f"{run}: training on {describe(device)} from batch {begin}", flush=True)
        try:
            for step, end in run.snapshots.items():
                if not scratch.holds(step):  # an interrupted job had come this far
                    train_until(trainer, batches, end, scratch, stopping, progress)
                    scratch.keep(trainer, step)
        except TrainingFailure as failure:
            method, values = run.address.method, {k: repr(v) for k, v in failure.values.items()}
            if processes.first():
                write_record(folder / "failure.json", {"method": method, "reason": str(failure), "values": values})
            raise UserError(f"{run}: method {method}: {failure}") from failure
        if processes.first():
            files = scratch.publish()
            write_record(run.address.record, record_of(run, images, trainer, scratch, device, inputs, files))


def training_images(run: RunSpec, pipeline: Pipeline | None, device: torch.device) -> ImageSet | EncodedPairs:
    """The training split, as latents where the suite works in the latent space of an autoencoder.

    A pipeline brings its own autoencoder and goes with pairs of images and texts.
    """
    data = run.suite.data
    if pipeline is not None:
        if data.name != TEXT_IMAGES:
            raise UserError(f"data.name: {data.name!r}: a pretrained network needs {TEXT_IMAGES!r}")
        checked(data)
        return EncodedPairs(text_images.TextImages(data), pipeline)
    images = load_to_use(data, "train")
    return images if run.autoencoder is None else encoded(images, load_autoencoder(run.autoencoder, device))


def batches_of(images: ImageSet | EncodedPairs, recipe: Recipe) -> Batches | EncodedBatches:
    """The batches of a run, by their index alone."""
    names, training = (*recipe.seed_names, "batches"), recipe.training
    if isinstance(images, EncodedPairs):
        if training.flip:
            raise UserError(
                "training.flip: true, allowed: false with image-text pairs, whose texts may say left or right"
            )
        return EncodedBatches(images, training.batch_size, names)
    return Batches(images, training.batch_size, names, training.flip)


def new_trainer(recipe: Recipe, images: ImageSet | EncodedPairs, device: torch.device) -> Trainer:
    """A trainer with named initial or released weights. Raises UserError when network and images do not fit."""
    pipeline = images.pipeline if isinstance(images, EncodedPairs) else None
    arguments = dict(recipe.network)
    arguments |= pipeline.arguments() if pipeline else condition_arguments(recipe.conditional, images)
    if recipe.objective == CONSISTENCY and recipe.training.distillation.guidance is not None:
        arguments["guided"] = True
    wanted = (arguments.get("in_channels", arguments.get("channels")), *[arguments["image_size"]] * 2)
    if images.shape != wanted:
        raise UserError(f"data {images.name}: images of shape {images.shape}, but the model takes {wanted}")
    torch.manual_seed(seed_of(*recipe.seed_names, "init"))  # initialisation knows only the global generator
    model = build(recipe.network_kind, arguments)
    if pipeline:
        pipeline.fill(model)
    return Trainer(model, replace(recipe, network=arguments), device)


def condition_arguments(kind: bool | str, images: ImageSet) -> dict[str, int]:
    """Constructor arguments of a network that is conditioned on the images' classes or captions of them."""
    if kind is False:
        return {}
    if not images.num_classes:
        raise UserError(f"data {images.name}: a conditional suite needs class sub-folders")
    if kind is True:
        return {"num_classes": images.num_classes}
    if images.class_names != captions.CLASS_NAMES:
        raise UserError(f"data {images.name}: there are captions for the digits only")
    return {"vocabulary": captions.VOCABULARY, "caption_length": captions.LENGTH}


def start_from_parent(trainer: Trainer, run: RunSpec) -> dict[str, str]:
    """Load the state that a run ``continues``, or the weights that it has as ``init``.

    Returns the SHA-256 of each file that the run rests on. Raises UserError for one that is not what its record says.
    """
    hashes = {link: verified(owner, file) for link, (owner, file) in run.rests_on.items()}
    for link, parent in run.parents.items():
        file = parent.address.state
        state = read_torch(file, "training state")
        if state.get("digest") != parent.digest:
            raise UserError(f"{file}: made by another configuration than the present one; rerun its training")
        if link == "continues":
            trainer.load(state)
        else:
            trainer.start_from(state, run.objective == state["objective_name"])
    return hashes


def train_until(
    trainer: Trainer, batches: Batches, end: int, scratch: Scratch, stopping: Stopping, progress: Progress
) -> None:
    """Train up to ``end`` batches in all, noting a line in the log every LOG_EVERY batches.

    Between batches the state is set aside when it is time for that. Raises Stopped, once it is, when asked to leave.
    """
    for index in tqdm(range(trainer.counts["batches"], end), desc="batches", disable=None):
        shown = trainer.train_batch(*batches.batch(index))
        if index % LOG_EVERY == 0 or index == end - 1:
            scratch.log.append(trainer.counts | {key: float(f"{value:.6g}") for key, value in shown.items()})
        progress.tell(trainer.counts["batches"], shown)
        asked = stopping.asked()
        if asked is not None:
            scratch.keep_state(trainer)
            processes.wait()  # for the first one to have written: when one ends, torchrun soon kills the others
            raise Stopped(f"{scratch.run}: {{why}} at batch {index + 1}", asked)
        scratch.keep_state_in_time(trainer)


def record_of(
    run: RunSpec,
    images: ImageSet | EncodedPairs,
    trainer: Trainer,
    scratch: Scratch,
    device: torch.device,
    inputs: dict[str, str],
    files: Files,
) -> dict[str, Any]:
    """The ``config.json`` of a run that has trained on ``images`` from ``inputs`` and has left ``files``."""
    return {
        "digest": run.digest,
        "slice": run.slice,
        "data": {"name": images.name, "hash": images.hash, "images": len(images)},
        **({"inputs": inputs} if inputs else {}),
        "files": files,
        **({"warnings": remarks} if (remarks := never_moved(scratch.log)) else {}),
        "counts": trainer.counts,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "seconds": scratch.seconds(),
        "provenance": made_on(device)
        | {
            "processes": processes.count(),
            "sources": {"training": provenance.source_hash("training")},
            **({"plugins": run.plugins} if run.plugins else {}),
        },
    }


def never_moved(log: list[dict[str, Any]]) -> list[str]:
    """A remark for the record of an adversarial run whose attack found no gradient in any logged batch.

    No refusal: the weights are those of plain training, which is a result; only the method's name promises more. The
    first batch of a fresh network has no gradient by construction, so that a single line of zero says nothing.
    """
    attacked = [line["delta_rms"] for line in log if "at_radius" in line]
    if len(attacked) < 2 or any(attacked):
        return []
    return ["the attack never moved: its gradient was zero in every logged batch"]
