"""Micro-batches and processes: how a batch is cut decides its random numbers, who computes the pieces nothing.

The same work runs here alone and, as this file's main program, in two processes under torchrun.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from spoil import spoil
from tiny import batch, run_batches, settings, trainer_of

from atbench.runtime import device, processes
from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record
from atbench.spec import yaml
from atbench.spec.address import Cell, Run
from atbench.spec.load import load, load_cell, load_run
from atbench.spec.records import CellForm
from atbench.tasks.evaluate import evaluate
from atbench.tasks.reference import reference
from atbench.tasks.train import train

pytestmark = pytest.mark.slow  # two processes start, and both work on one core
AT = {"kind": "adversarial", "inner_steps": 3, "step_rms": 0.05, "radius_rms": 0.1, "follow": True}
RECIPES = {
    "ADM": settings(),
    "Free-AT": settings(perturbation=AT),
    "PGD": settings(perturbation=AT | {"free": False}),
    "second moment": settings(timesteps="loss-second-moment"),
    "CM-AT": settings("consistency", AT),
    "bf16": settings(precision="bf16"),
}
RUN, EXTRACTOR = Run("ci", "scratch", "at", 0), Run("ci", "extractor", "digits-cnn", 0)
CELLS = [Cell(RUN, "final", "iddpm", 5), Cell(RUN, "0000010", "ddim", 5)]


def trained():
    """Logs of four batches under every configuration, each batch in four parts."""
    found = {}
    for name, recipe in RECIPES.items():
        parts = recipe.training.model_copy(update={"micro_batches": 4})
        trainer = trainer_of(replace(recipe, training=parts), dropout=0.1)
        logs = run_batches(trainer, 0, 4)
        found[name] = {"logs": logs, "counts": trainer.counts, "objective": trainer.objective.state()}
    return found


def enter(folder, patch):
    """Work in ``folder`` at the ci scale with two parts per batch and three blocks of samples."""
    experiments = Path(tempfile.mkdtemp(dir=folder)) / "experiments"  # of each process its own
    shutil.copytree(yaml.EXPERIMENTS, experiments)
    patch.setattr(yaml, "EXPERIMENTS", experiments)
    scale = experiments / "scales/ci.yaml"
    spoil(scale, "suites", "scratch", "training", {"micro_batches": 2})
    spoil(scale, "evaluation", "samples", 300)  # blocks: two for one process, one for the other
    load.cache_clear()
    patch.setenv("ATBENCH_DEVICE", "cpu")
    patch.chdir(folder)


def share_job(folder, patch):
    """Train and evaluate a run."""
    enter(folder, patch)
    train(load_run(RUN))
    evaluate([load_cell(cell) for cell in CELLS])


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The same work done by one process and by two: two folders, and what `trained` found in each."""
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    for folder in folders:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ATBENCH_DEVICE", "cpu")
            patch.chdir(folder)
            train(load_run(EXTRACTOR))
            reference(load("ci").suite("scratch"))
    one, two = folders
    with pytest.MonkeyPatch.context() as patch:
        share_job(one, patch)
    load.cache_clear()
    torch.save(trained(), one / "trained.pt")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", __file__, two]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(torchrun, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return one, two


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_train_as_one(folders, name):
    one, two = (torch.load(folder / "trained.pt")[name] for folder in folders)
    assert one["counts"] == two["counts"]
    tolerance = 1e-2 if name == "bf16" else 1e-5  # a sum in another order may round to the next bfloat16
    for alone, together in zip(one["logs"], two["logs"], strict=True):
        assert together == pytest.approx(alone, rel=tolerance)
    if name == "second moment":
        torch.testing.assert_close(two["objective"]["history"], one["objective"]["history"], rtol=1e-5, atol=0)
        assert one["objective"]["count"].sum() == 4 * 8


def test_a_shared_job_leaves_what_a_single_one_does(folders):
    one, two = (load_file(folder / RUN.weights()) for folder in folders)
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-4, atol=1e-6, msg=name)
    records = [read_record(folder / RUN.path / "config.json") for folder in folders]
    assert [record["provenance"]["processes"] for record in records] == [1, 2]
    assert records[0]["digest"] == records[1]["digest"] and records[0]["counts"] == records[1]["counts"]
    for cell in CELLS:
        alone, together = (CellForm.read(folder / cell.path) for folder in folders)
        assert together["counts"] == alone["counts"] and together["provenance"]["processes"] == 2
        assert together["metrics"]["fd"] == pytest.approx(alone["metrics"]["fd"], rel=0.01)  # weights to 1e-4


def test_two_processes_sample_the_same_images(folders, monkeypatch):
    """From the same weights, bit for bit."""
    enter(folders[1], monkeypatch)
    together = CellForm.read(CELLS[0].path)["metrics"]
    CELLS[0].path.unlink()
    evaluate([load_cell(CELLS[0])])
    load.cache_clear()
    assert CellForm.read(CELLS[0].path)["metrics"] == together


def test_micro_batches_are_the_batch_with_random_numbers_of_their_own():
    x0, labels = batch()
    whole, halves = (trainer_of(settings(micro_batches=total))._parts(x0, labels) for total in (1, 2))
    assert torch.equal(torch.cat([half.draw.x0 for half in halves]), whole[0].draw.x0)
    first, second = (half.draw.eps for half in halves)
    assert len(first) == 4 and not torch.equal(first, second) and not torch.equal(first, whole[0].draw.eps[:4])


def test_gradients_of_micro_batches_add_up_to_the_batch():
    """Where halves are given the whole batch's draw, cut in two, they take the whole batch's step."""
    x0, labels = batch()
    frozen, logs = trainer_of(settings()).objective.draw(x0, labels, ("fixed",)), []
    for total in (1, 2):
        trainer = trainer_of(settings(micro_batches=total), dropout=0.0)
        cut = [{key: None if v is None else v.chunk(total)[i] for key, v in vars(frozen).items()} for i in range(total)]
        draws = iter([type(frozen)(**values) for values in cut])
        trainer.objective.draw = lambda *given, draws=draws: next(draws)
        logs.append(trainer.train_batch(x0, labels))
    assert logs[1] == pytest.approx(logs[0], rel=1e-5)


def test_bf16_computes_in_bf16_and_keeps_float32_weights():
    exact, half = (trainer_of(settings(precision=precision)) for precision in ("fp32", "bf16"))
    losses = [run_batches(trainer, 0, 2)[-1]["loss"] for trainer in (exact, half)]
    assert losses[0] != losses[1] and losses[1] == pytest.approx(losses[0], rel=0.02)
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}


@pytest.mark.parametrize(("total", "count"), [(3, "1"), (1, "2"), (4, "3")])
def test_a_batch_that_cannot_be_shared_is_refused(monkeypatch, total, count):
    trainer = trainer_of(settings(micro_batches=total))
    monkeypatch.setenv("WORLD_SIZE", count)
    with pytest.raises(UserError, match=rf"training.micro_batches: {total} must divide the batch of 8 .* {count}$"):
        trainer.train_batch(*batch())


@pytest.mark.parametrize("value", ["0", "two", "-1", ""])
def test_a_wrong_number_of_processes_is_refused(monkeypatch, value):
    monkeypatch.setenv(device.PROCESSES_VARIABLE, value)
    with pytest.raises(UserError, match=f"{device.PROCESSES_VARIABLE}: '{value}' is no number of processes"):
        device.processes()


if __name__ == "__main__":
    processes.join(torch.device("cpu"))
    share_job(Path(sys.argv[1]), pytest.MonkeyPatch())
    together = trained()
    if processes.first():
        torch.save(together, "trained.pt")
