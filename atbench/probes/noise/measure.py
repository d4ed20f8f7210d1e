"""Measure the noise of training: training after training, each with its distances, kept as soon as it is there."""

import torch

from atbench.data import ImageSet, load_to_use
from atbench.data.batches import Batches
from atbench.metrics.frechet import distances
from atbench.models.ema import MovingAverage
from atbench.probes.noise import PROBE, Piece
from atbench.probes.noise.form import PieceForm
from atbench.rng import generator
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.lock import Lock, held
from atbench.runtime.records import Record, write_record
from atbench.spec.benchmark import Benchmark
from atbench.spec.models.training import Ema
from atbench.spec.run import CellSpec
from atbench.tasks.evaluate import sampler_of
from atbench.tasks.generate import Generator
from atbench.tasks.judge import Judge
from atbench.tasks.run_record import measured
from atbench.tasks.train import new_trainer
from atbench.training.loop import Trainer


def measure(benchmark: Benchmark) -> None:
    """Write ``noise.json`` of a scale, and before it every piece that is not there yet.

    Several processes share the pieces: each leaves out what another trains, and waits for it at the end. Raises
    UserError where no setting's suite is at this scale, or the features of the real images are not made yet.
    """
    settings, device = PROBE.settings(benchmark), choose(benchmark.file.threads)
    pieces = PROBE.pieces(benchmark)
    if not pieces:
        raise UserError(f"experiments/noise.yaml: settings: scale {benchmark.scale} has none of their suites")
    if missing := [path for path in PROBE.reads(benchmark) if not path.exists()]:
        command = f"snakemake --cores 1 {missing[0]} --config scale={benchmark.scale}"
        raise UserError(f"{missing[0]}: not there yet, which distances are to: {command}")
    for waits in (False, True):
        for piece in pieces:
            if not current(piece):
                make(piece, device, waits)
    found = [PieceForm.read(piece.path) for piece in pieces]
    content = {
        "rows": [axes(piece) | row for piece, record in zip(pieces, found) for row in record["distances"]],
        "settings": settings.written(),
        "config": PROBE.digests(benchmark),
        "provenance": measured(PROBE.name, device, cpu_seconds(), PROBE.sources)
        | {"seconds": round(sum(record["provenance"]["seconds"] for record in found), 3)},
    }
    write_record(PROBE.path(benchmark), content)


def axes(piece: Piece) -> Record:
    """Which training a row is of."""
    return {"setting": piece.setting, "seed": piece.run.address.seed, "twin": piece.twin}


def current(piece: Piece) -> bool:
    """Whether a piece is there, by the present settings."""
    try:
        return bool(PieceForm.read(piece.path)["config"] == {PROBE.name: piece.digest})
    except UserError:
        return False


def make(piece: Piece, device: torch.device, waits: bool) -> None:
    """Make a piece that no other process makes; one that another makes is left to it, or waited for."""
    lock = piece.path.with_suffix(".lock")
    if not waits:
        own = Lock(lock)
        if own.take():
            try:
                train_and_score(piece, device)
            finally:
                own.release()
        return
    with held(lock):
        if not current(piece):
            train_and_score(piece, device)


def train_and_score(piece: Piece, device: torch.device) -> None:
    """Train a piece and write its distances."""
    begin, settings = cpu_seconds(), piece.settings
    print(f"{piece.path}: {piece.how.label}, {piece.batches} batches of {piece.batch_size}", flush=True)
    averages = trained(piece, load_to_use(piece.run.suite.data, "train"), device)
    judge = Judge(piece.run.judging, device)
    rows = [
        {"average": length, "sampler": cell.address.sampler, "nfe": cell.nfe}
        | {"fd_heldout": distance(average, cell, judge, settings.images, device)}
        for length, average in averages.items()
        for cell in piece.cells
    ]
    content = {
        "distances": rows,
        "batches": piece.batches,
        "batch_size": piece.batch_size,
        "config": {PROBE.name: piece.digest},
        "provenance": measured(PROBE.name, device, begin, PROBE.sources),
    }
    write_record(piece.path, content)


def trained(piece: Piece, images: ImageSet, device: torch.device) -> dict[float, MovingAverage]:
    """Train as a setting says; the averages of the weights, by their length, all of this one training."""
    recipe = piece.run.recipe
    trainer = new_trainer(recipe, images, device)
    if piece.twin:
        move(trainer, piece.settings.jitter, *recipe.seed_names, piece.twin)
    averages = {length: MovingAverage(trainer.model, Ema(relative_length=length)) for length in piece.settings.averages}
    batches = Batches(images, piece.batch_size, (*recipe.seed_names, "batches"), recipe.training.flip)
    for index in range(piece.batches):
        for group in trainer.optimizer.param_groups:
            group["lr"] = recipe.learning_rate * piece.how.learning_rate_factor * rise(piece, index)
        trainer.train_batch(*batches.batch(index))
        for average in averages.values():
            average.update()
    return averages


def rise(piece: Piece, index: int) -> float:
    """The share of the rate that a batch is trained with: from near zero to one, linearly, over the warm-up."""
    return 1.0 if piece.how.warm_up_share is None else min(1.0, (index + 1) / (piece.how.warm_up_share * piece.batches))


@torch.no_grad()
def move(trainer: Trainer, jitter: float, *names: str | int) -> None:
    """Add Gaussian noise of standard deviation ``jitter`` to all weights but those of layers that start at zero.

    Behind such a layer gradients are exactly zero at first. Were they merely small, Adam would make full steps of them,
    in directions of chance: twins would be apart by the rate after one update, and not by the jitter.
    """
    drawn = generator(*names, "jitter")
    for parameter in trainer.parameters:
        noise = torch.randn(parameter.shape, generator=drawn).to(parameter)
        if parameter.any():
            parameter += jitter * noise


def distance(average: MovingAverage, cell: CellSpec, judge: Judge, images: int, device: torch.device) -> float:
    """Frechet distance to the held-out images of so many samples, from the latents that a cell of the run has."""
    names = (*cell.run.judging.seed_names(cell.run.address.seed), "sample")
    sample = Generator(average.module.eval(), sampler_of(cell), names, device)
    made, _, _ = sample(images)
    return distances(judge.extractor(made).features, judge.reference.heldout.statistics)[0]
