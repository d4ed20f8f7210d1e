"""Thirty faults that people reported of public code of this sort: each `run.sh` says PASS or FAIL on its last line."""

import os
import subprocess
from pathlib import Path

import pytest
from checkout import BIN, REPOSITORY, Checkout

HERE = Path(__file__).parent
CASES = sorted(script.parent.name for script in HERE.glob("*/run.sh"))

pytestmark = pytest.mark.field_case


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:
    """The cases run with the tests' own environment; what several of them start from is made once."""
    cache = {"BUGS_CACHE": str(tmp_path_factory.mktemp("bases")), "TMPDIR": str(tmp_path_factory.mktemp("cases"))}
    return os.environ | {"ATBENCH_BIN": str(BIN)} | cache


def test_all_thirty_are_here():
    assert len(CASES) == 30


@pytest.mark.parametrize("case", CASES)
def test_the_case_passes(case, environment):
    command = ["bash", str(HERE / case / "run.sh"), str(REPOSITORY)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.stdout.splitlines()[-1:] == ["PASS"], done.stdout[-4000:]


def test_what_the_readme_tells_of_case_38_helps(tmp_path):
    """Snakemake itself needs a cache folder, so case 38 passes by a line of the README. The line must be true."""
    remedy = "export XDG_CACHE_HOME=$PWD/build"
    assert f"`{remedy}`" in (REPOSITORY / "README.md").read_text()
    checkout = Checkout(tmp_path / "atbench")
    command = "unset XDG_CACHE_HOME MPLCONFIGDIR; export HOME=/proc/no-home"
    assert "/proc/no-home" in checkout.run("bash", "-c", f"{command}; snakemake -n --config scale=ci", expect=1)
    assert "train" in checkout.run("bash", "-c", f"{command}; {remedy}; snakemake -n --config scale=ci")
