"""Evaluate cells: sample from a run's weights, score the images, write one JSON and one small picture per cell."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from tqdm import tqdm

from atbench.data.samples_file import write_samples
from atbench.models.weights import compiled, load_model
from atbench.runtime import processes, provenance
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, write_atomically
from atbench.runtime.records import write_record
from atbench.sampling import Sampler, make_sampler
from atbench.spec.records import CellForm
from atbench.spec.run import CellSpec, RunSpec
from atbench.tasks.generate import Generator
from atbench.tasks.judge import Judge, Scores, prompts_of
from atbench.tasks.latents import load_autoencoder
from atbench.tasks.pretrained import load_pipeline, taught_by
from atbench.tasks.run_record import counts_at, made_on, trained

GRID_SIDE = 8  # images per side of the small picture
TILE = 128  # pixels per side of an image there, at most


def evaluate(cells: list[CellSpec]) -> None:
    """Evaluate cells of one scale, skipping those whose JSON is current. Everything is opened before the first sample.

    Raises UserError for cells that cannot be (sampler, NFE, step), stale or missing weights, a damaged reference.
    """
    startup = cpu_seconds()
    for cell in cells:
        sampler_of(cell)  # refuses what cannot be sampled
    device = choose(cells[0].run.suite.threads)
    processes.join(device)
    judging = {cell.run.suite.name: cell.run.judging for cell in cells}
    judges = {suite: Judge(judging[suite], device) for suite in judging}
    records = {cell: new_record(cell, judges[cell.run.suite.name], device) for cell in cells}
    for cell, record in tqdm(records.items(), desc="cells", disable=None):
        path = cell.address.path
        if current(path, record):
            print(f"{cell}: current, kept", flush=True)
            continue
        pieces = generator_of(cell, device).pieces(record["counts"]["samples"])
        if not processes.first():
            for _ in pieces:  # the first one scores them all
                pass
            continue
        record["metrics"], nfe, shown, seconds, remarks = scored(pieces, judges[cell.run.suite.name])
        if remarks:  # a collapsed run is a result, but never an unremarked one
            record["warnings"] = remarks
            print(f"{cell}: {'; '.join(remarks)}", flush=True)
        record["counts"] |= {"nfe": nfe}
        seconds["startup"] = startup
        record["provenance"]["seconds"] = {key: round(value, 3) for key, value in seconds.items()}
        startup = 0.0  # the process starts once: its cost stands in the first record it writes
        save_grid(path.with_suffix(".png"), shown)
        write_record(path, record)
        print(f"{cell}: fd {record['metrics']['fd']:.3f}", flush=True)


def scored(
    pieces: Iterable[tuple[Tensor, Tensor | None, int]], judge: Judge
) -> tuple[dict[str, float], int, Tensor, dict[str, float], list[str]]:
    """Metrics of generated images, their NFE, the first of them for the small picture, CPU seconds by kind, remarks.

    No more images are held than those and the piece at hand.
    """
    scores, shown, begin, judging = Scores(judge), [], cpu_seconds(), 0.0
    for images, requests, measured in pieces:
        generated, nfe = cpu_seconds(), measured
        scores.add(images, requests)
        if sum(map(len, shown)) < GRID_SIDE**2:
            shown.append(images)
        judging += cpu_seconds() - generated
    generated = cpu_seconds()
    metrics = scores.finish()
    judging += cpu_seconds() - generated
    seconds = {"sampling": cpu_seconds() - begin - judging, "metrics": judging}
    return metrics, nfe, torch.cat(shown), seconds, scores.scoring.remarks


def generator_of(cell: CellSpec, device: torch.device) -> Generator:
    """What makes the images of a cell."""
    run = cell.run
    names = (*run.judging.seed_names(run.address.seed), "sample")
    model = weights(run, cell.address.step).to(device)
    return Generator(model, sampler_of(cell), names, device, cell.sampler.guidance, **surroundings(run, device))


def sampler_of(cell: CellSpec) -> Sampler:
    """The sampler of a cell. Raises UserError naming the cell's file and the nearest NFE that can be."""
    entry, steps, distillation = cell.sampler, cell.steps, cell.run.suite.training.distillation
    try:
        return make_sampler(entry, steps, distillation.grid if distillation else None)
    except UserError as error:
        raise UserError(f"{cell}: {error}") from error


def surroundings(run: RunSpec, device: torch.device) -> dict[str, Any]:
    """What of a `Generator` depends on the space that a run works in, and on what its images are to show."""
    suite = run.suite
    block = {"block": suite.evaluation.block} if suite.evaluation.block else {}
    if run.autoencoder is not None:
        return block | {"decode": load_autoencoder(run.autoencoder, device).decode}
    if suite.pretrained is None:
        return block
    pipeline = load_pipeline(suite, device)
    prompts = prompts_of(suite.judged_by)
    if prompts is None:
        raise UserError(f"suites.{suite.name}.judged_by: a pretrained network needs images with prompts (coco)")
    return block | {"decode": pipeline.decode, "embed": pipeline.embed, "prompts": prompts.texts}


@cache
def weights(run: RunSpec, step: str) -> nn.Module:
    """The averaged weights of a snapshot; cached, since a job evaluates many cells of few snapshots."""
    run_record(run)
    model = load_model(run.address.weights(step), run.suite.network_kind)
    return compiled(model) if run.suite.evaluation.compiled else model


@cache
def run_record(run: RunSpec) -> dict[str, Any]:
    return trained(run)


def new_record(cell: CellSpec, judge: Judge, device: torch.device) -> dict[str, Any]:
    """The record of a cell before its metrics."""
    run, step = cell.run, cell.address.step
    made = run_record(run)
    if step not in run.snapshots:
        raise UserError(f"{cell}: no such snapshot; this run has {', '.join(run.snapshots)}")
    date = datetime.now(UTC).isoformat(timespec="seconds")
    counts = counts_at(made["counts"], run.snapshots[step])
    return {
        "cell": cell.address.axes,
        "metrics": {},
        "counts": counts | {"samples": run.suite.evaluation.samples, "reference": judge.reference.counts["train"]},
        "config": cell.digests,
        "inputs": {
            "weights": file_hash(run.address.weights(step)),
            **judge.inputs,
            **latent_space(run, device),
        },
        "provenance": made_on(device)
        | {
            "processes": processes.count(),
            "date": date,
            "sources": {
                "training": made["provenance"]["sources"]["training"],
                "evaluation": provenance.source_hash("evaluation"),
            },
            **({"plugins": cell.plugins} if cell.plugins else {}),
        },
    }


def latent_space(run: RunSpec, device: torch.device) -> dict[str, str]:
    """Hash of the autoencoder, or the pipeline, that a run's latents are decoded by."""
    if run.suite.pretrained is not None:
        pipeline = load_pipeline(run.suite, device)
        taught_by(run, pipeline)
        return {"pipeline": pipeline.hash}
    return {} if run.autoencoder is None else {"autoencoder": file_hash(run.autoencoder.address.weights())}


def current(path: Path, record: dict[str, Any]) -> bool:
    """Whether ``path`` already holds the result of exactly these weights, settings, references and sources."""
    if not path.exists():
        return False
    try:
        found = CellForm.read(path)
    except UserError:
        return False  # not to be believed: make it anew
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


def export(cell: CellSpec, path: Path, count: int | None) -> None:
    """Write ``count`` samples of a cell in the field's npz format (``arr_0``, NHWC uint8).

    Without a count as many as its record was scored from, `evaluation.samples`.
    """
    sampler_of(cell)  # refuses what cannot be sampled before anything is read
    run_record(cell.run)
    count = cell.run.suite.evaluation.samples if count is None else count
    write_samples(path, generator_of(cell, choose(cell.run.suite.threads))(count)[0])
