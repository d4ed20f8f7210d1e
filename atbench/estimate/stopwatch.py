"""Seconds and bytes of a scale's real networks on this machine, in training and in sampling."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from atbench.data import ImageSet, captions
from atbench.rng import gaussian, uniform
from atbench.runtime.device import cpu_seconds
from atbench.runtime.files import digest
from atbench.spec.models.methods import PERTURBATIONS
from atbench.spec.recipe import Recipe
from atbench.spec.run import CellSpec, RunSpec
from atbench.spec.signatures import model_of
from atbench.spec.workload import Workload
from atbench.tasks.evaluate import sampler_of, surroundings
from atbench.tasks.generate import BLOCK, Generator
from atbench.tasks.latents import EncodedPairs
from atbench.tasks.pretrained import load_pipeline
from atbench.tasks.train import batches_of, new_trainer, training_images
from atbench.training.loop import Trainer, held_bytes

REPEATS = 3
SHORTEST = 0.5  # seconds of a repetition: shorter work is done several times over
LONGEST = 4.0  # seconds of one piece of work: longer ones are cut to fewer images
FILLED = 0.5  # share of the memory that a batch may fill
NAMES = ("plan",)  # behind every random draw


@dataclass(frozen=True)
class Timing:
    """Seconds that a piece of work took for one image, in each of the repetitions."""

    wall: tuple[float, ...]  # of the clock
    cpu: tuple[float, ...]  # of the processor, all threads together
    images: int  # at once, of
    wanted: int


@dataclass(frozen=True)
class Measured:
    """What one network of the benchmark takes."""

    training: Timing | None  # of a forward pass in training, a backward pass counted as two; None: nothing trained
    sampling: Timing | None  # of a network evaluation in sampling; None: nothing sampled
    weights: int  # bytes of a snapshot
    state: int  # bytes of the full state


def measure(work: Workload, device: torch.device) -> Measured:
    """Measure the network of a suite on random images of its shape.

    The run whose batches are the cheapest stands for all, and its cheapest cell for all cells.
    Raises UserError where the network needs files that are not here.
    """
    run, cell = subject(work)
    recipe, pipeline = recipe_of(run), load_pipeline(run.suite, device)
    images = training_images(run, pipeline, device) if pipeline else random_images(recipe)
    trainer = new_trainer(recipe, images, device)
    training = sampling = None
    if run.trained_batches:
        training = timed_training(trainer, images, run.passes_per_batch)
    if cell:
        around = surroundings(run, device) if pipeline else {}
        sampling = timed_sampling(trainer, cell, around)
    return Measured(training, sampling, held_bytes(trainer.ema.module.state_dict()), held_bytes(trainer.state()))


def subject(work: Workload) -> tuple[RunSpec, CellSpec | None]:
    """The run that stands for a suite, and the cell that stands for its cells, if any."""
    run = min(work.runs, key=lambda run: (not run.trained_batches, run.passes_per_batch))
    return run, min(run.cells if work.judged else (), key=lambda cell: cell.nfe, default=None)


def recipe_of(run: RunSpec) -> Recipe:
    """What a run trains by, one of its micro-batches at a time: that is as good as all."""
    recipe = untrained(run) if run.checkpoint else run.recipe
    training = recipe.training
    size = training.batch_size // training.micro_batches
    return replace(recipe, training=training.model_copy(update={"batch_size": size, "micro_batches": 1}))


def untrained(run: RunSpec) -> Recipe:
    """What an imported run would be trained by."""
    suite, method = run.suite, run.method
    return Recipe(
        objective=method.objective,
        options=method.objective_options,
        perturbation=model_of(PERTURBATIONS["none"]).model_validate({"kind": "none"}),
        learning_rate=0.0,
        training=suite.training,
        conditional=suite.conditional,
        seed_names=NAMES,
        network=suite.network.written(),
        network_kind=suite.network_kind,
    )


def likeness(work: Workload) -> str:
    """Equal for suites whose measurement is the same."""
    run, cell = subject(work)
    recipe = recipe_of(run)
    network = [recipe.network, recipe.objective, recipe.conditional, run.suite.pretrained]
    distillation = recipe.training.distillation and recipe.training.distillation.written()
    training = [recipe.training.batch_size, recipe.training.precision, distillation, bool(run.trained_batches)]
    return digest([network, training, cell and [cell.address.sampler, cell.nfe]])


def random_images(recipe: Recipe) -> ImageSet:
    """Random images, or latents: as many as a batch has, of the network's shape and ten classes."""
    network, count = recipe.network, recipe.training.batch_size
    shape = (network.get("in_channels", network.get("channels")), *[network["image_size"]] * 2)
    pixels = gaussian((count, *shape), *NAMES, "images")
    labels = (uniform((count,), *NAMES, "labels") * len(captions.CLASS_NAMES)).long()
    return ImageSet("random images", pixels, labels, captions.CLASS_NAMES)


def timed_training(trainer: Trainer, images: ImageSet | EncodedPairs, passes: int) -> Timing:
    """Time batches of training; ``passes`` is what one spends on an image."""
    recipe = trainer.recipe

    def train(count: int) -> None:
        part = replace(recipe, training=recipe.training.model_copy(update={"batch_size": count}))
        trainer.train_batch(*batches_of(images, part).batch(0))

    return timed(train, recipe.training.batch_size, passes, trainer.device)


def timed_sampling(trainer: Trainer, cell: CellSpec, around: dict[str, Any]) -> Timing:
    """Time blocks of a cell's images; ``around`` as in `atbench.tasks.evaluate.surroundings`."""
    model, sampler = trainer.ema.module.eval(), sampler_of(cell)
    guidance, wanted = cell.sampler.guidance, cell.run.suite.evaluation.block or BLOCK

    def sample(count: int) -> None:
        Generator(model, sampler, NAMES, trainer.device, guidance, **around | {"block": count})(count)

    return timed(sample, wanted, cell.nfe, trainer.device)


def timed(work: Callable[[int], None], wanted: int, units: int, device: torch.device) -> Timing:
    """Time ``work`` on ``wanted`` images, or on as many as a short repetition and the memory allow.

    ``units`` is the number of pieces of work per image that the seconds are divided by.
    """
    images = 1
    once = seconds(work, images, 1, device)[0]  # this call pays for what later ones find ready
    while once < LONGEST:
        once = seconds(work, images, 1, device)[0]
        if images == wanted or 2 * once >= LONGEST or 2 * filled(device) >= FILLED:
            break
        images = min(2 * images, wanted)
    times = max(1, round(SHORTEST / once))
    repeats = [seconds(work, images, times, device) for _ in range(REPEATS)]
    wall, cpu = (tuple(spent / (times * images * units) for spent in kind) for kind in zip(*repeats))
    return Timing(wall, cpu, images, wanted)


def seconds(work: Callable[[int], None], images: int, times: int, device: torch.device) -> tuple[float, float]:
    """Seconds of the clock and of the processor that ``work`` takes, done ``times`` times."""
    begin, busy = time.perf_counter(), cpu_seconds()
    for _ in range(times):
        work(images)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begin, cpu_seconds() - busy


def filled(device: torch.device) -> float:
    """Share of the device's memory that this process has filled at its peak."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / torch.cuda.mem_get_info(device)[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kilobytes on Linux
    return peak / (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
