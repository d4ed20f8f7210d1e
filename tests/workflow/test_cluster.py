"""Running on a cluster without one: both profiles plan, and a queue of one line shows what is asked of it.

The real thing, SLURM, is `make test-slurm`.
"""

import os
import re
from importlib.metadata import PackageNotFoundError, version

import pytest
from checkout import Checkout, jobs

from atbench.runtime.device import DEVICE_VARIABLE
from atbench.spec import queue
from atbench.spec.address import Run
from atbench.spec.load import load_run

PLUGINS = {"slurm": "snakemake-executor-plugin-slurm", "generic": "snakemake-executor-plugin-cluster-generic"}
EXTRACTOR = Run("ci", "extractor", "digits-cnn", 0)
# Runs what it is given at once, and notes its arguments and the job's output beside itself.
QSUB = """#!/usr/bin/env bash
echo "$@" >> "$(dirname "$0")/asked"
env -u ATBENCH_TIME_LIMIT bash "${@: -1}" >> "$(dirname "$0")/output" 2>&1 &
echo 1
"""


@pytest.fixture
def profile(request):
    try:
        version(PLUGINS[request.param])
    except PackageNotFoundError:
        pytest.skip(f"{PLUGINS[request.param]} is not installed: pip install atbench[cluster]")
    return "--profile", f"experiments/profiles/{request.param}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return Checkout(tmp_path_factory.mktemp("cluster") / "atbench")


ASKED = {  # by the training of ADM-AT from scratch, and by the reports; 60 minutes are the profiles'
    "ci": {"runtime": "11", "mem_mb": "2000"},
    "paper": {"runtime": str(2 * queue.SPARE + queue.DAY), "mem_mb": "32000", "gpu": "1"},
}


@pytest.mark.parametrize("scale", ASKED)
@pytest.mark.parametrize("profile", PLUGINS, indirect=True)
def test_a_profile_plans_what_a_local_run_does_and_asks_for_what_the_scale_needs(checkout, profile, scale):
    settings = ("scratch", "--config", f"scale={scale}", "suites=[scratch]")
    output = checkout.run("snakemake", "-n", *profile, *settings)
    assert jobs(output) == jobs(checkout.run("snakemake", "-n", *settings))
    found = re.findall(r"^ *(?:rule|checkpoint) (\w+):\n((?: +\S.*\n)*?) +resources: (.*?)$", output, re.M)
    asked = {}
    for rule, about, line in found:
        method = re.search(r"method=([^,\n]+)", about)
        asked[rule, method and method[1]] = dict(re.findall(r"(\w+)=([^,]+)", line))
    assert asked["train", "at"].items() >= ASKED[scale].items()
    assert asked["scratch", None]["runtime"] == "60"


@pytest.fixture
def qsub(tmp_path, monkeypatch):
    """The queue's folder, with its command on the path."""
    (tmp_path / "qsub").write_text(QSUB)
    (tmp_path / "qsub").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


@pytest.mark.parametrize("profile", ["generic"], indirect=True)
def test_a_submitted_job_knows_its_time(checkout, profile, qsub, monkeypatch):
    """And a local run finds its results current."""
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    weights = str(EXTRACTOR.weights_folder)
    checkout.run("snakemake", "-p", *profile, "--seconds-between-status-checks", "1", weights, "--config", "scale=ci")
    minutes = queue.training_minutes(load_run(EXTRACTOR))
    asked = (qsub / "asked").read_text()
    assert f"ncpus=1:mem=2000mb:ngpus=0 -l walltime={60 * minutes} " in asked
    assert f"ATBENCH_TIME_LIMIT=$(({minutes} - {queue.SPARE})) python -m atbench train" in (qsub / "output").read_text()
    assert jobs(checkout.snakemake("-n", weights)) == {}
