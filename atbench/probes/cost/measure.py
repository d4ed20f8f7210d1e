"""What a training batch of each method costs: time, memory and passes, measured turn by turn in one process."""

import time
from collections import Counter
from collections.abc import Callable

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from atbench.data import ImageSet, captions
from atbench.probes.cost import PROBE
from atbench.rng import gaussian
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.records import write_record
from atbench.spec.benchmark import Benchmark
from atbench.spec.run import RunSpec
from atbench.tasks.run_record import measured
from atbench.tasks.train import batches_of, new_trainer
from atbench.training.loop import Trainer, held_bytes

NETWORKS = {"student": "model", "teacher": "objective.teacher", "target": "objective.target"}


def measure(benchmark: Benchmark) -> None:
    """Write ``cost.json`` of a scale: a row per run of `Cost.runs`, with the seconds of every turn.

    A turn trains one batch of every method, so that a machine that slows down slows all of them.
    The networks are untrained and see noise in the shape of their images: neither changes what a batch costs. Reading
    data is not part of it. Raises UserError on a device whose memory cannot be watched.
    """
    settings, begin, device = PROBE.settings(benchmark), cpu_seconds(), choose(benchmark.file.threads)
    if device.type not in WATCHED:
        raise UserError(f"cost: memory cannot be watched on {device.type}; set ATBENCH_DEVICE to cpu or cuda")
    trained = {run: trainer_and_batch(run, device) for run in PROBE.runs(benchmark)}
    seconds: dict[RunSpec, list[float]] = {run: [] for run in trained}
    for index in range(settings.warm_up + settings.turns):
        for run in rotated(list(trained), index):
            spent = timed(*trained[run], device)
            if index >= settings.warm_up:
                seconds[run].append(spent)
    rows = [
        {"suite": run.address.suite, "method": run.address.method}
        | sizes(*work)
        | passes(*work)
        | {"held_bytes": held_bytes(work[0].state()), "batch_bytes": WATCHED[device.type](*work)}
        | {"seconds": seconds[run]}
        for run, work in trained.items()
    ]
    content = {
        "rows": rows,
        "settings": settings.written(),
        "config": PROBE.digests(benchmark),
        "provenance": measured(PROBE.name, device, begin, PROBE.sources),
    }
    write_record(PROBE.path(benchmark), content)


def trainer_and_batch(run: RunSpec, device: torch.device) -> tuple[Trainer, tuple]:
    """A trainer of the run, and a batch (x0, labels) of noise for it."""
    recipe = run.recipe
    network, count = recipe.network, recipe.training.batch_size
    shape = (count, network["in_channels"], network["image_size"], network["image_size"])
    labels = torch.arange(count) % len(captions.CLASS_NAMES)
    images = ImageSet("noise", gaussian(shape, "cost").clamp(-1, 1), labels, captions.CLASS_NAMES)
    return new_trainer(recipe, images, device), batches_of(images, recipe).batch(0)


def rotated(items: list, by: int) -> list:
    """``items`` from place ``by`` on, in a circle: nobody always follows the same one."""
    start = by % len(items)
    return items[start:] + items[:start]


def timed(trainer: Trainer, batch: tuple, device: torch.device) -> float:
    """Wall seconds of one training batch, the device's queue emptied before and after."""
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    wait()
    start = time.perf_counter()
    trainer.train_batch(*batch)
    wait()
    return time.perf_counter() - start


def sizes(trainer: Trainer, batch: tuple) -> dict[str, int]:
    return {"batch_size": len(batch[0]), "parameters": sum(parameter.numel() for parameter in trainer.parameters)}


def passes(trainer: Trainer, batch: tuple) -> dict[str, int]:
    """Counts of one batch: forward passes of each network, counted as they happen, and the trainer's own counters."""
    seen, hooks, before = Counter(dict.fromkeys(NETWORKS, 0)), [], dict(trainer.counts)
    for name, place in NETWORKS.items():
        network = _at(trainer, place)
        if network is not None:
            hooks.append(network.register_forward_pre_hook(lambda *_, name=name: seen.update([name])))
    trainer.train_batch(*batch)
    for hook in hooks:
        hook.remove()
    new = {name: count - before[name] for name, count in trainer.counts.items()}
    return {f"{name}_forward": count for name, count in seen.items()} | {
        "backward": new["gradient_evals"],
        "updates": new["updates"],
        "passes": new["forward_passes"],
    }


def cpu_peak(trainer: Trainer, batch: tuple) -> int:
    """Most bytes that a batch holds at once beyond the training state, from every allocation that torch makes."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        trainer.train_batch(*batch)
    events = watched.profiler.kineto_results.events()
    changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
    return int(np.cumsum([0, *(size for _, size in changes)]).max())


def cuda_peak(trainer: Trainer, batch: tuple) -> int:
    """The same as `cpu_peak`, from the allocator's own record; its reserve and the library's memory are not counted."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    trainer.train_batch(*batch)
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def _at(trainer: Trainer, place: str) -> torch.nn.Module | None:
    found = trainer
    for name in place.split("."):
        found = getattr(found, name, None)
    return found


WATCHED: dict[str, Callable[[Trainer, tuple], int]] = {"cpu": cpu_peak, "cuda": cuda_peak}  # device -> its peak
