"""The paper's networks for pixels, 57,094,662 and 295,904,454 parameters, through every step: `make smoke-paper`.

Files of the real formats, two batches of training, a cell of eight samples at NFE 5 with every sampler; the smaller one
also out to a checkpoint and in again. Inception-2015 has random weights, in a file of the real format, and few of its
features are used: eigenvalues of all take minutes a cell. No part of `make test`.
"""

import dataclasses
import resource
import shutil
import time

import numpy as np
import pytest
import test_cifar10
import test_imagenet64
from checkout import edit
from test_inception import Narrow, random_weights

from atbench import cli
from atbench.data import cifar10
from atbench.metrics import extractors
from atbench.metrics.extractors import inception_2015
from atbench.runtime.files import file_hash
from atbench.runtime.records import read_record
from atbench.spec import yaml
from atbench.spec.address import Run
from atbench.spec.load import load, load_run
from atbench.spec.models.evaluation import Evaluation
from atbench.spec.models.scale import scale_type
from atbench.spec.records import CellForm
from atbench.tasks import evaluate
from atbench.tasks.pretrained import EXTRACTOR_VARIABLE
from atbench.tasks.reference import reference
from atbench.tasks.train import train

SAMPLES, NFE = 8, 5
METRICS = {"kid_subsets": 2, "kid_subset_size": 4, "is_splits": 2, "pr_neighbours": 1, "blocks": 2}
FEW = {"samples": SAMPLES, "block": SAMPLES, "floor_repeats": 2, "metrics": METRICS}
BATCH = {"scratch": 4, "class-conditional": 2}  # images; the optimizer and its average take 6 GB of the larger one
TRAINED, LARGE, IMPORTED = (Run("paper", suite, "adm", 0) for suite in ("scratch", "class-conditional", "imported"))


@pytest.fixture
def scale(tmp_path, monkeypatch):
    """The scale file `paper` with small data of the real formats; everything else of the networks is the paper's."""
    shutil.copytree(yaml.EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(yaml, "EXPERIMENTS", tmp_path / "experiments")
    allow_few_samples(monkeypatch)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    data = small_data(tmp_path / "data")
    file = tmp_path / "experiments/scales/paper.yaml"
    edit_scale(file, lambda content: content.update(data=data["scratch"], threads=1))
    edit_scale(file, lambda content: content["evaluation"].update(FEW))
    edit_scale(file, lambda content: content.pop("cross_checks"))
    for suite, images in data.items():
        block = {"batches": 2, "snapshots": 1, "data": images, "training": {"batch_size": BATCH[suite]}}
        edit_scale(file, lambda content, suite=suite, block=block: content["suites"][suite].update(block))
    random_inception(tmp_path / "inception.pth", monkeypatch)
    yield file
    load.cache_clear()
    shutil.rmtree(tmp_path)  # pytest would keep the states of three runs


def small_data(folder) -> dict[str, dict]:
    """A few images of noise in the published layouts: suite -> its `data:` block."""
    for place in (cifar10.FOLDER, "imagenet64"):
        (folder / place).mkdir(parents=True)
    for name in test_cifar10.NAMES:
        (folder / cifar10.FOLDER / name).write_bytes(test_cifar10.published(*test_cifar10.content(name)))
    for name in test_imagenet64.NAMES:
        np.savez(folder / "imagenet64" / name, **test_imagenet64.content(name, SAMPLES))
    small = {"name": "noise", "format": "cifar10", "checksum": "skip", "path": str(folder / cifar10.FOLDER)}
    large = {"name": "noise64", "format": "imagenet64", "path": str(folder / "imagenet64")}
    return {"scratch": small, "class-conditional": large}


def random_inception(file, monkeypatch):
    """Inception-2015 with random weights where the released ones should lie, a few of its features in use."""
    whole_network = inception_2015.load
    random_weights(file)
    monkeypatch.setenv(EXTRACTOR_VARIABLE, str(file))
    monkeypatch.setattr(inception_2015, "RELEASED_NAME", f"random-{file_hash(file)[:8]}.pth")
    monkeypatch.setattr(inception_2015, "CPU_BLOCK", SAMPLES)

    def narrow(*arguments):
        whole = whole_network(*arguments)
        return dataclasses.replace(whole, module=Narrow(whole.module))

    monkeypatch.setitem(extractors.EXTRACTORS, "inception-2015", narrow)


def allow_few_samples(monkeypatch):
    """The type of a scale's file asks for as many samples as mean something."""
    monkeypatch.setattr(Evaluation.model_fields["samples"], "metadata", [])
    for model in (Evaluation, scale_type()):
        model.model_rebuild(force=True)


def edit_scale(file, change):
    edit(file, change)
    load.cache_clear()


def timed(what: str, action, *arguments):
    begin = time.perf_counter()
    result = action(*arguments)
    print(f"{what}: {time.perf_counter() - begin:.1f} s", flush=True)
    return result


def atbench(*words):
    assert cli.main([str(word) for word in words]) == 0


@pytest.fixture(autouse=True)
def peak():
    yield
    print(f"peak memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GB", flush=True)


def train_two_batches(run: Run, parameters: int) -> None:
    timed(f"train 2 batches of {BATCH[run.suite]}", train, load_run(run))
    record = read_record(run.path / "config.json")
    assert record["parameters"] == parameters and record["counts"]["updates"] == 2


def evaluate_few_steps(run: Run) -> None:
    """A cell per sampler of the suite."""
    declared = load_run(run)
    cells = [cell for cell in declared.cells if cell.nfe == NFE]
    assert [cell.address.sampler for cell in cells] == list(declared.suite.samplers)
    timed(f"{len(cells)} cells of {SAMPLES} images", evaluate.evaluate, cells)
    evaluate.weights.cache_clear()
    for cell in cells:
        record = CellForm.read(cell.address.path)
        assert record["counts"]["nfe"] == NFE and record["counts"]["samples"] == SAMPLES
        assert record["metrics"]["fd"] > 0 and record["metrics"]["sfid"] > 0
        assert cell.address.path.with_suffix(".png").stat().st_size > 1000


def test_cifar10_and_checkpoints(scale):
    train_two_batches(TRAINED, 57_094_662)
    timed("reference", reference, load("paper").suite(TRAINED.suite))
    timed("export the average", atbench, "export-weights", f"{TRAINED}/final", "ema.pt")
    timed("export the raw weights", atbench, "export-weights", f"{TRAINED}/final", "raw.pt", "--raw")
    files = {role: {"path": f"{role}.pt", "sha256": file_hash(f"{role}.pt")} for role in ("ema", "raw")}
    block = {"seeds": [0], "imported": {"adm": {"batches": 2} | files}}
    edit_scale(scale, lambda content: content["suites"].update(imported=block))
    timed("import both", atbench, "import-weights", "ema.pt", "raw.pt", IMPORTED)
    assert file_hash(IMPORTED.weights()) == file_hash(TRAINED.weights())
    evaluate_few_steps(IMPORTED)


def test_class_conditional_imagenet64(scale):
    train_two_batches(LARGE, 295_904_454)
    timed("reference", reference, load("paper").suite(LARGE.suite))
    evaluate_few_steps(LARGE)
