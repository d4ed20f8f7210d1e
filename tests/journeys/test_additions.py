"""What docs/adding.md adds is one file and its entry in YAML: a perturbation, sampler, objective, metric, side measure.

All of its blocks are put into a copy of the repository, and the ci scale runs there with the suite `scratch`.
"""

import json

import pandas as pd
import pytest
from checkout import REPOSITORY, Checkout, edit
from pages import blocks, put


@pytest.fixture(scope="module")
def added(tmp_path_factory) -> Checkout:
    """The repository with one more of each, and the results of the suite `scratch`."""
    checkout = Checkout(tmp_path_factory.mktemp("additions") / "atbench")
    made = put(blocks(REPOSITORY / "docs/adding.md"), checkout.folder)
    assert len([path for path in made if path.suffix == ".py"]) == 5
    checkout.snakemake("scratch", "size", config=("suites=[scratch]",))
    return checkout


def test_a_perturbation_is_one_file_and_an_entry(added):
    record = json.loads((added.folder / "results/ci/scratch/uni/seed0/config.json").read_text())
    assert record["slice"]["perturbation"] == {"kind": "uniform", "width": 0.1}
    table = (added.folder / "results/ci/tables/scratch.md").read_text()
    assert "Uniform" in table and "(n) seeds" in table


def test_its_constants_are_refused_by_the_range_that_its_class_declares(added):
    file = added.folder / "experiments/methods.yaml"
    whole = file.read_text()
    edit(file, lambda methods: methods["uni"]["perturbation"].update(width=-1.0))
    message = added.run("snakemake", "-n", "--config", "scale=ci", expect=1)
    file.write_text(whole)
    assert "methods.yaml: uni.perturbation.width: -1.0: must be greater than 0" in message


def test_a_sampler_is_one_file_and_an_entry(added):
    record = json.loads((added.folder / "results/ci/scratch/uni/seed0/final/one-shot-nfe5.json").read_text())
    assert record["counts"]["nfe"] == 5 and record["metrics"]["fd"] > 0
    assert "One shot" in (added.folder / "results/ci/tables/scratch.md").read_text()


def test_an_objective_is_one_file_and_an_entry(added):
    record = json.loads((added.folder / "results/ci/scratch/snr/seed0/config.json").read_text())
    assert (record["slice"]["objective"], record["slice"]["limit"]) == ("min-snr", 5.0)
    assert "Min-SNR" in (added.folder / "results/ci/tables/scratch.md").read_text()


def test_a_metric_is_one_file(added):
    numbers = pd.read_csv(added.folder / "results/ci/tables/scratch-mean_gap.csv")
    assert (numbers["mean"].dropna() > 0).all() and set(numbers.method) >= {"adm", "uni", "snr"}


def test_a_side_measure_is_one_file_and_its_settings(added):
    lines = (added.folder / "results/ci/tables/scratch-size.md").read_text().splitlines()
    assert sorted(line.split(":")[0] for line in lines) == ["adm", "adm-3x", "at", "ip", "snr", "uni"]
