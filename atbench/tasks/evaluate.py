"""Evaluate cells: sample from a run's weights, score the images, write one JSON and one small picture per cell."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.data.samples_file import write_samples
from atbench.diffusion.schedule import make_schedule
from atbench.models.weights import load_model
from atbench.runtime import processes, provenance
from atbench.runtime.device import choose, cpu_seconds, describe
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, read_cell, write_atomically, write_json
from atbench.sampling import Sampler, make_sampler
from atbench.spec.address import Cell, Run
from atbench.tasks.generate import Generator
from atbench.tasks.judge import Judge, Scores, prompts_of
from atbench.tasks.latents import load_autoencoder
from atbench.tasks.pretrained import load_pipeline, taught_by
from atbench.tasks.run_record import counts_at, network_name, trained

GRID_SIDE = 8  # images per side of the small picture
TILE = 128  # pixels per side of an image there, at most


def evaluate(cells: list[Cell]) -> None:
    """Evaluate cells of one scale, skipping those whose JSON is current. Everything is opened before the first sample.

    Raises UserError for cells that cannot be (sampler, NFE, step), stale or missing weights, a damaged reference.
    """
    startup = cpu_seconds()
    benchmark = plan.of_run(cells[0].run)
    for cell in cells:
        sampler_of(benchmark, cell)  # refuses what cannot be sampled
    device = choose(benchmark.sizes["threads"])
    processes.join(device)
    judges = {suite: Judge(benchmark, suite, device) for suite in {cell.run.suite for cell in cells}}
    records = {cell: new_record(benchmark, cell, judges[cell.run.suite], device) for cell in cells}
    for cell, record in tqdm(records.items(), desc="cells", disable=None):
        if current(cell.path, record):
            print(f"{cell}: current, kept", flush=True)
            continue
        pieces = generator_of(cell, device).pieces(record["counts"]["samples"])
        if not processes.first():
            for _ in pieces:  # the first one scores them all
                pass
            continue
        record["metrics"], nfe, shown, seconds = scored(pieces, judges[cell.run.suite])
        record["counts"] |= {"nfe": nfe}
        seconds["startup"] = startup
        record["provenance"]["seconds"] = {key: round(value, 3) for key, value in seconds.items()}
        startup = 0.0  # the process starts once: its cost stands in the first record it writes
        save_grid(cell.path.with_suffix(".png"), shown)
        write_json(cell.path, record)
        print(f"{cell}: fd {record['metrics']['fd']:.3f}", flush=True)


def scored(
    pieces: Iterable[tuple[Tensor, Tensor | None, int]], judge: Judge
) -> tuple[dict[str, float], int, Tensor, dict[str, float]]:
    """Metrics of generated images, their NFE, the first of them for the small picture, CPU seconds by kind.

    No more images are held than those and the piece at hand.
    """
    scores, shown, begin, judging = Scores(judge), [], cpu_seconds(), 0.0
    for images, asked, measured in pieces:
        generated, nfe = cpu_seconds(), measured
        scores.add(images, asked)
        if sum(map(len, shown)) < GRID_SIDE**2:
            shown.append(images)
        judging += cpu_seconds() - generated
    generated = cpu_seconds()
    metrics = scores.finish()
    judging += cpu_seconds() - generated
    return metrics, nfe, torch.cat(shown), {"sampling": cpu_seconds() - begin - judging, "metrics": judging}


def generator_of(cell: Cell, device: torch.device) -> Generator:
    """What makes the images of a cell."""
    benchmark = plan.of_run(cell.run)
    names = slices.judging_slice(benchmark, cell.run)["seed_names"]
    sampler, guidance = sampler_of(benchmark, cell)
    model = weights(cell.run, cell.step).to(device)
    return Generator(model, sampler, (*names, "sample"), device, guidance, **surroundings(benchmark, cell.run, device))


def surroundings(benchmark: Benchmark, run: Run, device: torch.device) -> dict:
    """What of a `Generator` depends on the space that a run works in, and on what its images are asked to show."""
    block = {k: v for k, v in plan.evaluation_of(benchmark, run.suite).items() if k == "block"}
    pipeline, autoencoder = load_pipeline(benchmark, run.suite, device), plan.autoencoder_run(benchmark, run)
    if autoencoder is not None:
        return block | {"decode": load_autoencoder(autoencoder, device).decode}
    if pipeline is None:
        return block
    prompts = prompts_of(plan.judged_by(benchmark, run.suite))
    if prompts is None:
        raise UserError(f"suites.{run.suite}.judged_by: a pretrained network needs images with prompts (coco)")
    return block | {"decode": pipeline.decode, "embed": pipeline.embed, "prompts": prompts.texts}


def sampler_of(benchmark: Benchmark, cell: Cell) -> tuple[Sampler, float | None]:
    """The sampler of a cell and its guidance weight, if any.

    Raises UserError naming the cell's file and the nearest NFE that can be. A teacher under guidance evaluates its
    network twice a step; a student was distilled from that and evaluates once.
    """
    config = dict(slices.evaluation_slice(benchmark, cell)["sampler"])
    guidance = config.pop("guidance", None)
    distilled = config["kind"] == plan.CONSISTENCY  # its schedule stands in the grid of its distillation
    schedule = make_schedule("cosine" if distilled else config.pop("schedule", "cosine"))
    per_step = 2 if guidance is not None and not distilled else 1
    try:
        if cell.nfe % per_step:
            raise UserError(f"nfe {cell.nfe}: guidance takes two evaluations a step; nearest valid nfe: {cell.nfe + 1}")
        return make_sampler(cell.sampler, config, cell.nfe // per_step, schedule), guidance
    except UserError as error:
        raise UserError(f"{cell}: {error}") from error


@cache
def weights(run: Run, step: str) -> nn.Module:
    """The averaged weights of a snapshot; cached, since a job evaluates many cells of few snapshots."""
    return load_model(run.weights(step), network_name(run_record(run)["slice"]))


@cache
def run_record(run: Run) -> dict:
    return trained(run)


def new_record(benchmark: Benchmark, cell: Cell, judge: Judge, device: torch.device) -> dict:
    """The record of a cell before its metrics."""
    trained_run = run_record(cell.run)
    snapshots = trained_run["slice"]["snapshots"]
    if cell.step not in snapshots:
        raise UserError(f"{cell}: no such snapshot; this run has {', '.join(snapshots)}")
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "cell": cell.axes,
        "metrics": {},
        "counts": counts_at(trained_run["counts"], snapshots[cell.step])
        | {
            "samples": plan.evaluation_of(benchmark, cell.run.suite)["samples"],
            "reference": judge.reference.counts["train"],
        },
        "config": {"training": trained_run["digest"], "evaluation": slices.evaluation_digest(benchmark, cell)},
        "inputs": {
            "weights": file_hash(cell.run.weights(cell.step)),
            **judge.inputs,
            **latent_space(benchmark, cell, device),
        },
        "provenance": provenance.commit()
        | {
            "versions": provenance.versions(),
            "device": describe(device),
            "threads": torch.get_num_threads(),
            "processes": processes.count(),
            "date": date,
            "sources": {
                "training": trained_run["provenance"]["sources"]["training"],
                "evaluation": provenance.source_hash("evaluation"),
            },
        },
    }


def latent_space(benchmark: Benchmark, cell: Cell, device: torch.device) -> dict[str, str]:
    """Hash of the autoencoder, or the pipeline, that a cell's latents are decoded by."""
    pipeline, autoencoder = load_pipeline(benchmark, cell.run.suite, device), plan.autoencoder_run(benchmark, cell.run)
    if pipeline is not None:
        taught_by(cell.run, pipeline)
        return {"pipeline": pipeline.hash}
    return {} if autoencoder is None else {"autoencoder": file_hash(autoencoder.weights())}


def current(path: Path, record: dict) -> bool:
    """Whether ``path`` already holds the result of exactly these weights, settings, references and sources."""
    if not path.exists():
        return False
    try:
        found = read_cell(path)
    except UserError:
        return False  # cut off or foreign: make it anew
    same = all(found[block] == record[block] for block in ("cell", "config", "inputs"))
    return same and found["provenance"].get("sources") == record["provenance"]["sources"]


def save_grid(path: Path, images: Tensor) -> None:
    """The first images of a cell as a small PNG, row by row."""
    count = GRID_SIDE**2
    n, c, h, w = images[:count].shape
    tiles = torch.cat([images[:count], images.new_full((count - n, c, h, w), 255)])
    grid = tiles.reshape(GRID_SIDE, GRID_SIDE, c, h, w).permute(0, 3, 1, 4, 2).reshape(GRID_SIDE * h, GRID_SIDE * w, c)
    picture = Image.fromarray(grid.squeeze(-1).numpy())
    if h > TILE:
        picture = picture.resize((GRID_SIDE * TILE * w // h, GRID_SIDE * TILE), Image.Resampling.BOX)
    write_atomically(path, lambda temporary: picture.save(temporary))


def export(cell: Cell, path: Path, count: int) -> None:
    """Write ``count`` samples of a cell in the field's npz format (``arr_0``, NHWC uint8)."""
    benchmark = plan.of_run(cell.run)
    sampler_of(benchmark, cell)  # refuses what cannot be sampled before anything is read
    run_record(cell.run)
    write_samples(path, generator_of(cell, choose(benchmark.sizes["threads"]))(count)[0])
