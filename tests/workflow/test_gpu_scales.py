"""The scales of GPUs: whole DAGs that plan, constants with a source, and a few batches on small files."""

import shutil

import pytest
import torch
import yaml
from checkout import Checkout
from test_cifar10 import NAMES, content, published

from atbench.data import cifar10
from atbench.runtime.records import read_record
from atbench.spec import load as loading
from atbench.spec.address import Run
from atbench.spec.load import load, load_run
from atbench.spec.scales import scale_file
from atbench.spec.yaml import EXPERIMENTS, read_yaml
from atbench.tasks.evaluate import generator_of
from atbench.tasks.train import train

PARAMETERS = 11_066_310  # of the network of gpu-hour
SUITES = {"gpu": ["scratch", "finetune", "edm", "consistency"], "gpu-hour": ["scratch", "finetune"]}


@pytest.mark.parametrize("scale", SUITES)
def test_every_constant_has_a_source_and_a_reason(scale):
    def bare(value, path=()):
        if isinstance(value, dict) and "source" in value:
            return [] if value["source"] in ("script", "peer", "ours") and value.get("why") else [path]
        if isinstance(value, dict):
            return [found for key, item in value.items() for found in bare(item, (*path, key))]
        return [] if value is None or path == ("extends",) else [path]

    assert bare(read_yaml(scale_file(scale))) == []
    benchmark = load(scale)
    assert benchmark.suites == SUITES[scale]
    assert benchmark.file.training.written()["ema"] == {"relative_length": 0.05}
    paper, model = load("paper").file.model, benchmark.file.model
    changed = {key for key in paper if model[key] != paper[key]}
    assert changed == (set() if scale == "gpu" else {"channels", "num_res_blocks", "dropout"})


@pytest.mark.parametrize("scale", [*SUITES, "paper"])
def test_every_suite_of_a_scale_plans(scale, tmp_path):
    benchmark = load(scale)
    suites = [name for name in benchmark.suites if benchmark.suite(name).samplers]
    planned = Checkout(tmp_path / "atbench").planned(scale=scale, config=(f"suites=[{','.join(suites)}]",))
    runs = [run.address for suite in benchmark.suites for run in benchmark.suite(suite).runs()]
    assert {f"{run.suite}/{run.method}" for run in runs} == set(planned["train"])
    assert len(planned["reference"]) == len(benchmark.references)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The scale gpu-hour with two batches of small files of the real format; the network and all else are its own."""
    folder = tmp_path / "data" / cifar10.FOLDER
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / name).write_bytes(published(*content(name)))
    monkeypatch.setenv("ATBENCH_DATA_CIFAR10_JPEG", str(folder))
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(loading.yaml, "EXPERIMENTS", tmp_path / "experiments")
    file = tmp_path / "experiments/scales/gpu-hour.yaml"
    scale = yaml.safe_load(file.read_text())
    scale["training"] = {"batch_size": 4}
    scale["evaluation"]["block"] = 4
    for suite in ("scratch", "finetune"):
        scale["suites"][suite] |= {"batches": 2, "snapshots": 2}
    file.write_text(yaml.safe_dump(scale))
    load.cache_clear()
    yield
    load.cache_clear()


def test_a_few_batches_run_on_files_of_the_real_format(small):
    adm, tuned = Run("gpu-hour", "scratch", "adm", 0), Run("gpu-hour", "finetune", "at", 0)
    for run in (adm, tuned):
        train(load_run(run))
    record = read_record(tuned.path / "config.json")
    assert record["data"]["name"] == "cifar10-jpeg" and record["counts"]["updates"] == 6
    assert record["parameters"] == PARAMETERS
    assert record["slice"]["perturbation"]["step_rms"] == pytest.approx(0.1 / 3072**0.5)  # the script's, by extends
    cell = next(cell for cell in load_run(tuned).cells if cell.nfe == 5)
    images, classes, nfe = generator_of(cell, torch.device("cpu"))(4)
    assert images.shape == (4, 3, 32, 32) and classes is None and nfe == 5 and images.float().std() > 1
