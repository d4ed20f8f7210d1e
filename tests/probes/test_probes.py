"""The side measures as the rest of the package sees them: one door each, nothing heavy behind it."""

import subprocess
import sys

import pytest
from checkout import REPOSITORY

from atbench.probes.base import Probe, ProbeSettings, RunProbe, ScaleProbe
from atbench.runtime import provenance
from atbench.spec.load import load
from atbench.spec.probes import modules, probes, probes_of_runs, probes_of_scales, settings_of_probes

BENCHMARK = load("ci")


@pytest.mark.parametrize("name", modules())
def test_every_side_measure_has_one_door(name):
    probe = probes()[name]
    assert isinstance(probe, Probe) and probe.name == name
    assert issubclass(settings_of_probes()[name], ProbeSettings)
    assert isinstance(probe.settings(BENCHMARK), probe.settings_type)
    assert (REPOSITORY / "experiments" / f"{name}.yaml").is_file()
    assert len(provenance.source_hash(name, probe.sources)) == 16  # they are there


def test_a_side_measure_is_of_runs_or_of_a_scale():
    assert {**probes_of_runs(), **probes_of_scales()} == probes()
    assert all(isinstance(probe, RunProbe) for probe in probes_of_runs().values())
    assert all(isinstance(probe, ScaleProbe) for probe in probes_of_scales().values())


@pytest.mark.parametrize("name", probes_of_runs())
def test_files_and_artefacts_of_runs_bear_the_name_of_the_suite(name):
    probe = probes()[name]
    for suite in probe.suites(BENCHMARK):
        for run in BENCHMARK.suite(suite).runs():
            assert all(path.is_relative_to(run.address.path) for path in probe.files(run)) and probe.files(run)
        for made in probe.artefacts(suite):
            assert made.suite == suite and f"/{suite}-" in made.stem


def test_files_of_a_scale_bear_the_name_of_the_measure():
    assert {name: str(probe.path(BENCHMARK)) for name, probe in probes_of_scales().items()} == {
        "cost": "results/ci/cost.json",
        "mixture": "results/ci/mixture.json",
        "noise": "results/ci/noise.json",
        "recognition": "results/ci/recognition.json",
    }


def test_doors_are_light():
    heavy = ("torch", "pandas", "matplotlib")
    asked = "[made.paths for probe in probes_of_runs().values() for made in probe.artefacts('scratch')]"
    imports = "import sys; from atbench.spec.probes import probes_of_runs"
    code = f"{imports}; {asked}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_measures_that_train_or_sample_say_so():
    """A queue gives them a GPU."""
    said = {name for name, probe in probes_of_scales().items() if probe.runs_networks}
    assert said == {"cost", "noise", "recognition"}
    assert all(probe.runs_networks for probe in probes_of_scales().values() if probe.alone)
