"""Seconds and bytes of a scale's real networks on this machine, in training and in sampling."""

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from atbench import plan, slices, workload
from atbench.config import Benchmark
from atbench.data import ImageSet, captions
from atbench.rng import gaussian, uniform
from atbench.runtime.device import cpu_seconds
from atbench.runtime.files import digest
from atbench.spec.address import Cell, Run
from atbench.tasks.cost import held_bytes
from atbench.tasks.evaluate import sampler_of, surroundings
from atbench.tasks.generate import BLOCK, Generator
from atbench.tasks.latents import EncodedPairs
from atbench.tasks.pretrained import load_pipeline
from atbench.tasks.train import batches_of, new_trainer, training_images
from atbench.training.loop import Trainer
from atbench.workload import Workload

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


def measure(benchmark: Benchmark, work: Workload, device: torch.device) -> Measured:
    """Measure the network of a suite on random images of its shape.

    The run whose batches are the cheapest stands for all, and its cheapest cell for all cells.
    Raises UserError where the network needs files that are not here.
    """
    run, config, cell = subject(benchmark, work)
    pipeline = load_pipeline(benchmark, run.suite, device)
    images = training_images(benchmark, run, pipeline, device) if pipeline else random_images(config)
    trainer = new_trainer(config, images, device)
    training = sampling = None
    if workload.trained_batches(benchmark, run):
        training = timed_training(trainer, images, passes(benchmark, run))
    if cell:
        around = surroundings(benchmark, run, device) if pipeline else {}
        sampling = timed_sampling(benchmark, trainer, cell, around)
    return Measured(training, sampling, held_bytes(trainer.ema.module.state_dict()), held_bytes(trainer.state()))


def subject(benchmark: Benchmark, work: Workload) -> tuple[Run, dict, Cell | None]:
    """The run that stands for a suite, its training slice, and the cell that stands for its cells, if any."""
    run = min(work.runs, key=lambda run: (not workload.trained_batches(benchmark, run), passes(benchmark, run)))
    cells = plan.cells(benchmark, run) if work.judged else []
    config = untrained(benchmark) | slices.training_slice(benchmark, run)
    parts = config.get("micro_batches", 1)  # one of them is as good as all
    config |= {"batch_size": config["batch_size"] // parts, "micro_batches": 1}
    return run, config, min(cells, key=lambda cell: cell.nfe, default=None)


def likeness(benchmark: Benchmark, work: Workload) -> str:
    """Equal for suites whose measurement is the same."""
    run, config, cell = subject(benchmark, work)
    like = ("network", "objective", "conditional", "batch_size", "precision", "distillation", "pretrained")
    trained = bool(workload.trained_batches(benchmark, run))
    return digest([{key: config.get(key) for key in like}, trained, cell and [cell.sampler, cell.nfe]])


def passes(benchmark: Benchmark, run: Run) -> int:
    return workload.passes_per_image(benchmark, run)


def untrained(benchmark: Benchmark) -> dict:
    """What the slice of an imported run lacks of that of a trained one; the others have all of it themselves."""
    return benchmark.sizes["training"] | {
        "perturbation": {"kind": "none"},
        "learning_rate": 0.0,
        "seed_names": list(NAMES),
    }


def random_images(config: dict) -> ImageSet:
    """As many images, or latents, as a batch of a training slice has, of the network's shape and ten classes."""
    network, count = config["network"], config["batch_size"]
    shape = (network.get("in_channels", network.get("channels")), *[network["image_size"]] * 2)
    pixels = gaussian((count, *shape), *NAMES, "images")
    labels = (uniform((count,), *NAMES, "labels") * len(captions.CLASS_NAMES)).long()
    return ImageSet("random images", pixels, labels, captions.CLASS_NAMES)


def timed_training(trainer: Trainer, images: ImageSet | EncodedPairs, passes: int) -> Timing:
    """Time batches of training; ``passes`` is what one spends on an image."""

    def train(count: int) -> None:
        trainer.train_batch(*batches_of(images, trainer.config | {"batch_size": count}).batch(0))

    return timed(train, trainer.config["batch_size"], passes, trainer.device)


def timed_sampling(benchmark: Benchmark, trainer: Trainer, cell: Cell, around: dict) -> Timing:
    """Time blocks of a cell's images; ``around`` as in `atbench.tasks.evaluate.surroundings`."""
    sampler, guidance = sampler_of(benchmark, cell)
    model, wanted = trainer.ema.module.eval(), plan.evaluation_of(benchmark, cell.run.suite).get("block", BLOCK)

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
