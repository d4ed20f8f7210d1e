"""Addresses: the path of a result is its name, and nothing else is."""

import pytest
from spoil import refusal

from atbench.runtime.errors import UserError
from atbench.spec import address
from atbench.spec.address import FINAL, Cell, Run, parse_cell, parse_run
from atbench.spec.load import load
from atbench.spec.yaml import EXPERIMENTS

SCALES = sorted(path.stem for path in (EXPERIMENTS / "scales").glob("*.yaml"))


def declared_cells(scale):
    benchmark = load(scale)
    searches = [f"tune-{suite}" for suite in benchmark.searches]
    return [cell.address for suite in (*benchmark.suites, *searches) for cell in benchmark.suite(suite).cells()]


@pytest.mark.parametrize("scale", SCALES)
def test_addresses_round_trip(scale):
    found = declared_cells(scale)
    assert len(set(map(str, found))) == len(found) > 0
    for cell in found:
        assert parse_cell(str(cell)) == cell and address.is_cell(str(cell))
        assert parse_run(cell.run.path) == cell.run
        assert cell.axes["nfe"] == cell.nfe and not address.is_cell(str(cell.run))


@pytest.mark.parametrize("root", ["results", "results/released", "/tmp/x/results", "."])
def test_address_keeps_its_root(root):
    cell = Cell(Run("ci", "scratch", "adm", 0, root), FINAL, "dpm-solver", 5)
    assert parse_cell(cell.path).run == cell.run or root == "."
    assert parse_cell(cell.path).path == cell.path


BAD_CELLS = [
    "",
    "results/ci/scratch/adm/seed0",
    "results/ci/scratch/adm/seed0/final/ddim.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe-5.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe5.png",
    "results/ci/scratch/adm/seed0/final/ddim-nfe5.json.json",
    "results/ci/scratch/adm/seed0/last/ddim-nfe5.json",
    "results/ci/scratch/adm/seed0/10/ddim-nfe5.json",
    "results/ci/scratch/adm/seed/final/ddim-nfe5.json",
    "results/ci/scratch/adm/seedx/final/ddim-nfe5.json",
    "results/ci/scratch/adm/seed-1/final/ddim-nfe5.json",
    "results/ci/scratch/adm/final/ddim-nfe5.json",
    "results/ci/scratch/ADM/seed0/final/ddim-nfe5.json",
    "results/ci/scratch/adm_3x/seed0/final/ddim-nfe5.json",
    "results/ci/scratch/adm/seed0/final/ddim-nfe5.json\n",
]


@pytest.mark.parametrize("path", BAD_CELLS)
def test_what_is_no_cell_is_refused_with_the_form(path):
    assert not address.is_cell(path)
    assert "results/<scale>/<suite>" in refusal_of_address(path)


def refusal_of_address(path):
    with pytest.raises(UserError) as caught:
        parse_cell(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "results/ci/scratch/adm/seed007/final/ddim-nfe5.json",
        "results/ci/scratch/adm/seed0/final/ddim-nfe05.json",
        "results/XXci/scratch/adm/seed0/final/ddim-nfe5.json",
        "results/ci/scratch/adm/seed٣/final/ddim-nfe5.json",
    ],
)
def test_an_address_names_itself_or_is_refused(path):
    assert not address.is_cell(path) or str(parse_cell(path)) == path


@pytest.mark.parametrize(
    "path", ["", "results", "results/ci/scratch/adm", "results/ci/scratch/adm/seed0/final", "seed0"]
)
def test_what_is_no_run_is_refused_with_the_form(path):
    assert "results/<scale>/<suite>/<method>/seed<S>" in refusal(lambda: parse_run(path))
