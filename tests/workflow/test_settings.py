"""What is asked of the workflow is refused in one line where it is mistyped."""

import pytest
from checkout import REPOSITORY, Checkout

from atbench.spec.load import load
from atbench.workflow.settings import why_no_rule

RUN = "results/ci/scratch/adm/seed0"
WRONG = {
    f"{RUN}/final/ddim-nfe05.json": "not the address of a cell",
    f"{RUN}/final/ddim-nfex.json": "not the address of a cell",
    f"{RUN}/last/ddim-nfe5.json": "not the address of a cell",
    "results/ci/scratch/adm/seed00/final/ddim-nfe5.json": "not the address of a cell",
    "results/ci/scratch/adm/seed-1/weights": "not the address of a run",
    "results/ci/scrach/adm/seed0/weights": "scratch",
    "results/laptop/scratch/adm/seed0/weights": "scale=laptop",
}
REFUSED = {
    f"{RUN}/final/ddim-nfe05.json": "not the address of a cell",
    f"{RUN}/final/ddim-nfe0.json": "nearest valid nfe: 2",
    f"{RUN}/final/iddpm-nfe2000.json": "nearest valid nfe: 1000",
    f"{RUN}/final/dimm-nfe5.json": "unknown sampler 'dimm'",
    "results/ci/scratch/amd/seed0/weights": "unknown method 'amd'",
}


@pytest.mark.parametrize("target", WRONG)
def test_a_mistyped_target_is_named_with_what_was_meant(target):
    why = why_no_rule(load("ci"), target)
    assert WRONG[target] in why and len(why.splitlines()) == 1


@pytest.mark.parametrize("target", ["scratch", "results/ci/tables/scrach.md", "results/released/laptop/scratch", "x"])
def test_other_targets_are_left_to_snakemake(target):
    assert why_no_rule(load("ci"), target) == ""


@pytest.mark.parametrize("target", REFUSED)
def test_a_plan_ends_with_one_line(target):
    said = Checkout.at(REPOSITORY).snakemake("-n", target, expect=1).splitlines()
    assert [line for line in said if line.startswith("atbench: ") and REFUSED[target] in line]
    assert not [line for line in said if "Traceback" in line or "MissingRule" in line]
