"""Measure the mismatch between training and sampling of one run's last step: one JSON beside its cells."""

from dataclasses import replace

import torch

from atbench import measures, plan, slices
from atbench.data import load
from atbench.mismatch.recovery import recovery
from atbench.mismatch.robust_loss import robust_loss
from atbench.mismatch.trajectory import Recorder, exposure
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash, write_json
from atbench.spec.address import Run
from atbench.tasks.evaluate import generator_of
from atbench.tasks.generate import Generator
from atbench.tasks.run_record import measured, trained
from atbench.training.objectives import make_objective


def mismatch(run: Run) -> None:
    """Write ``mismatch.json`` of a run. Raises UserError for stale or missing weights and for a conditional suite."""
    benchmark = plan.of_run(run)
    settings = benchmark.mismatch
    record, names = trained(run), ("mismatch", *slices.judging_slice(benchmark, run)["seed_names"])
    if record["slice"]["conditional"]:
        raise UserError(f"experiments/mismatch.yaml: suites: {run.suite} is conditional, which these measures are not")
    samples = plan.evaluation_of(benchmark, run.suite)["samples"]
    begin, device = cpu_seconds(), choose(benchmark.sizes["threads"])
    objective = make_objective(record["slice"])
    data = {split: load(plan.data_of(benchmark, run.suite), split) for split in ("train", "held-out")}
    floats = {split: images.floats(torch.arange(len(images))).to(device) for split, images in data.items()}
    generators = {cell.sampler: generator_of(cell, device) for cell in measures.mismatch_cells(benchmark, run)}
    model = next(iter(generators.values())).model
    trajectories = {sampler: trajectory(generator, samples) for sampler, generator in generators.items()}
    with torch.no_grad():
        rows = {
            sampler: exposure(seen, model, floats["train"], objective.process, settings["draws"], names)
            for sampler, seen in trajectories.items()
        }
    times = sorted(next(iter(trajectories.values())).states, reverse=True)
    content = {
        "run": run.axes,
        "exposure": rows,
        "recovery": recovery(model, floats["held-out"], objective.process, times, names),
        "robust_loss": robust_loss(model, floats["held-out"], objective.process, settings, names),
        "settings": settings | {"samples": samples},
        "config": {"training": record["digest"], "mismatch": slices.mismatch_digest(benchmark, run)},
        "inputs": {"weights": file_hash(run.weights())},
        "provenance": measured("mismatch", device, begin),
    }
    write_json(plan.mismatch_path(run), content)


def trajectory(generator: Generator, count: int) -> Recorder:
    """What the network of a generator saw and said while it made ``count`` images."""
    recorder = Recorder(generator.sampler)
    replace(generator, sampler=recorder)(count)
    return recorder
