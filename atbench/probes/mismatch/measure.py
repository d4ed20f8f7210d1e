"""Measure the mismatch between training and sampling of one run's last step: one JSON beside its cells."""

from dataclasses import replace

import torch

from atbench.data import load
from atbench.mismatch.recovery import recovery
from atbench.mismatch.robust_loss import robust_loss
from atbench.mismatch.trajectory import Recorder, exposure
from atbench.probes.mismatch import PROBE
from atbench.runtime.device import choose, cpu_seconds
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.records import write_record
from atbench.spec.run import RunSpec
from atbench.tasks.evaluate import generator_of
from atbench.tasks.generate import Generator
from atbench.tasks.run_record import measured, trained
from atbench.training.objectives import make_objective


def measure(run: RunSpec) -> None:
    """Write ``mismatch.json`` of a run. Raises UserError for stale or missing weights and for a conditional suite."""
    settings, suite = PROBE.settings_of(run), run.suite
    trained(run)  # refuses missing and stale weights before anything is read
    if suite.conditional:
        raise UserError(f"experiments/mismatch.yaml: suites: {suite.name} is conditional, which these measures are not")
    begin, device, samples = cpu_seconds(), choose(suite.threads), suite.evaluation.samples
    process, names = make_objective(run.recipe).process, (PROBE.name, *run.judging.seed_names(run.address.seed))
    data = {split: load(suite.data, split) for split in ("train", "held-out")}
    floats = {split: images.floats(torch.arange(len(images))).to(device) for split, images in data.items()}
    generators = {cell.address.sampler: generator_of(cell, device) for cell in PROBE.claim_cells(run)}
    model = next(iter(generators.values())).model
    trajectories = {sampler: trajectory(generator, samples) for sampler, generator in generators.items()}
    with torch.no_grad():
        rows = {
            sampler: exposure(seen, model, floats["train"], process, settings.draws, names)
            for sampler, seen in trajectories.items()
        }
    times = sorted(next(iter(trajectories.values())).states, reverse=True)
    around = {"levels": settings.levels, "radii": settings.radii, "ascent_steps": settings.ascent_steps}
    content = {
        "run": run.address.axes,
        "exposure": rows,
        "recovery": recovery(model, floats["held-out"], process, times, names),
        "robust_loss": robust_loss(model, floats["held-out"], process, names, **around),
        "settings": settings.written() | {"samples": samples},
        "config": PROBE.digests(run),
        "inputs": {"weights": file_hash(run.address.weights())},
        "provenance": measured(PROBE.name, device, begin, PROBE.sources),
    }
    write_record(PROBE.path(run), content)


def trajectory(generator: Generator, count: int) -> Recorder:
    """Inputs and outputs of the network of a generator while it made ``count`` images."""
    recorder = Recorder(generator.sampler)
    replace(generator, sampler=recorder)(count)
    return recorder
