"""The paper's CIFAR-10 network, 57,094,662 parameters, through every step: `make smoke-paper`, no part of `make test`.

Files of the real formats, two batches of training, out to a checkpoint and in again, eight samples at NFE 5. Needs 4 GB
of memory and 3 GB of disk.
"""

import shutil
import time

import pytest
import torch
import yaml
from test_cifar10 import NAMES, content, published

from atbench import cli, config, plan
from atbench.cells import Cell, Run
from atbench.config import EXPERIMENTS
from atbench.data import cifar10
from atbench.records import file_hash, read_json
from atbench.tasks import generate
from atbench.tasks.evaluate import generator_of
from atbench.tasks.train import train

PARAMETERS = 57_094_662
BATCH, SAMPLES, NFE = 4, 8, 5
TRAINED, IMPORTED = (Run("paper", suite, "adm", 0) for suite in ("scratch", "imported"))


@pytest.fixture
def scale(tmp_path, monkeypatch):
    """The scale file `paper` with small data of the real format; everything else of the network is the paper's."""
    folder = tmp_path / "data" / cifar10.FOLDER
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(published(*content(name)))
    shutil.copytree(EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(config, "EXPERIMENTS", tmp_path / "experiments")
    monkeypatch.setattr(generate, "BLOCK", SAMPLES)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "experiments/scales/paper.yaml"
    small = {"name": "noise", "format": "cifar10", "checksum": "skip", "path": str(folder)}
    edit(file, lambda content: content.update(data=small))
    edit(file, lambda content: content["training"].update(batch_size=BATCH))
    edit(file, lambda content: content["suites"]["scratch"].update(batches=2, snapshots=1))
    yield file
    config.load.cache_clear()


def edit(file, change):
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.safe_dump(content))
    config.load.cache_clear()


def timed(what: str, action, *arguments):
    begin = time.perf_counter()
    result = action(*arguments)
    print(f"{what}: {time.perf_counter() - begin:.1f} s", flush=True)
    return result


def atbench(*words):
    assert cli.main([str(word) for word in words]) == 0


def test_the_whole_way(scale):
    timed(f"train 2 batches of {BATCH}", train, TRAINED)
    assert read_json(TRAINED.path / "config.json")["parameters"] == PARAMETERS
    timed("export the average", atbench, "export-weights", f"{TRAINED}/final", "ema.pt")
    timed("export the raw weights", atbench, "export-weights", f"{TRAINED}/final", "raw.pt", "--raw")
    files = {role: {"path": f"{role}.pt", "sha256": file_hash(f"{role}.pt")} for role in ("ema", "raw")}
    block = {"seeds": [0], "imported": {"adm": {"batches": 2} | files}}
    edit(scale, lambda content: content["suites"].update(imported=block))
    timed("import both", atbench, "import-weights", "ema.pt", "raw.pt", IMPORTED)
    assert file_hash(IMPORTED.weights()) == file_hash(TRAINED.weights())
    cell = Cell(IMPORTED, "final", "ddim", NFE)
    assert cell in plan.cells(plan.of_run(IMPORTED), IMPORTED)
    images, classes, nfe = timed(f"sample {SAMPLES} images", generator_of(cell, torch.device("cpu")), SAMPLES)
    assert images.shape == (SAMPLES, 3, 32, 32) and images.dtype == torch.uint8
    assert classes is None and nfe == NFE and images.float().std() > 1
