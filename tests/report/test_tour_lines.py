"""The tour ends with four lines that say what its cells and its verdict show, and never more."""

from pathlib import Path

import pytest
from made_up import SOURCES
from test_report import edit, fd, make_stale, make_tree

from atbench.report.tour import tour
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.spec.address import parse_cell
from atbench.spec.load import load

BENCHMARK = load("tour")


@pytest.fixture(autouse=True)
def made(tmp_path, monkeypatch) -> Path:
    """The scale tour, of made-up numbers in which ADM-AT is ahead, as the current folder."""
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    monkeypatch.chdir(tmp_path)
    return make_tree(BENCHMARK, Path("results/tour"), [0])


def test_four_lines_are_about_the_cells_that_are_there():
    seen, verdict, look, then = tour(BENCHMARK).splitlines()
    cells = [BENCHMARK.suite("scratch").run("at", 0).cell("final", "iddpm", nfe).address for nfe in (5, 10, 20)]
    assert f"ADM-AT {' / '.join(f'{fd(cell):.2f}' for cell in cells)}" in seen
    assert "FD-digits with IDDPM at 5 / 10 / 20 network evaluations" in seen and "real images 5.00" in seen
    assert verdict.startswith("Verdict") and look.startswith("Look") and then.startswith("Type")


def test_the_verdict_of_one_seed_is_that_nothing_is_decided():
    """However far ahead a method is: the words are those of the verdict table."""
    verdict = tour(BENCHMARK).splitlines()[1]
    assert '"ADM-AT samples better than ADM when sampling takes few steps": inconclusive (+' in verdict
    assert "% of ADM's distance, equal batches but 4,500 updates against 1,500, 1 seed)" in verdict
    assert verdict.endswith("1 seed): 1 seed decides nothing, a verdict takes 5 or more.")


def test_what_it_says_to_type_can_be_typed():
    words = tour(BENCHMARK).splitlines()[3].replace("=", " ").split()
    cells = [BENCHMARK.cell(parse_cell(word)) for word in words if word.startswith("results/")]
    assert len(cells) == 2 and all(cell.steps == 7 and cell not in cell.run.cells for cell in cells)


def test_pages_that_it_names_are_made_by_the_tour():
    from atbench.report.outputs import outputs

    named = [word.strip(",.") for word in tour(BENCHMARK).splitlines()[2].split() if "/" in word]
    made = {f"results/tour/{path}" for path in outputs(BENCHMARK, ["scratch"])}
    assert len(named) == 3 and {*named} <= made


def test_cells_that_are_missing_or_stale_are_counted_and_no_line_is_said(made):
    edit(made, "at/seed0/final/ddim-nfe5.json", make_stale)
    (made / "scratch/ip/seed0/final/ddim-nfe5.json").unlink()
    with pytest.raises(UserError, match=r"results/tour: 2 of 36 cells are not there: make tour"):
        tour(BENCHMARK)
