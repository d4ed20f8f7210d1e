"""Digests of every run and cell of the released scales, held as they were under the protocol of their release.

A digest says which configuration a result was made with. A change of the code that moves one makes released numbers
stale, so none may move before the results are released anew. The released records themselves are held against the
present digests too.
"""

import json
from pathlib import Path

import pytest
from checkout import REPOSITORY

from atbench.reading.tree import CELLS, MANIFEST, Tree
from atbench.runtime.files import digest
from atbench.spec.load import load
from atbench.spec.probes import probes
from atbench.spec.suite import SEARCH_PREFIX

GOLDEN = json.loads((Path(__file__).parent / "golden_digests.json").read_text())
SUITES = [(scale, suite) for scale, content in GOLDEN.items() for suite in content["suites"]]


def at_release(scale):
    """A scale under the protocol of its released results; some of the first have no manifest."""
    root = REPOSITORY / "results/released" / scale
    return load(scale).under(Tree(root).protocol if (root / MANIFEST).exists() else 1)


def digests_of(benchmark, name):
    """All that the golden file says of a suite."""
    suite = benchmark.suite(name)
    runs, cells = suite.runs(), suite.cells()
    found = {
        "runs": {f"{run.address.method}/seed{run.address.seed}": run.digest for run in runs},
        "cells": {"count": len(cells), "evaluation": digest([[str(cell), cell.digest] for cell in cells])},
    }
    if suite.is_search:
        return found
    if suite.samplers:
        found["judging"] = digest(suite.judging.slice)
    for key in ("mismatch", "heldout"):
        probe = probes()[key]
        if name in probe.suites(benchmark):
            found[key] = digest([probe.digest(run) for run in runs])
    return found


@pytest.mark.parametrize(("scale", "suite"), SUITES)
def test_digests_of_a_suite_are_those_of_the_release(scale, suite):
    assert digests_of(at_release(scale), suite) == GOLDEN[scale]["suites"][suite]


@pytest.mark.parametrize("scale", GOLDEN)
def test_digests_of_a_scale_are_those_of_the_release(scale):
    benchmark, golden = at_release(scale), GOLDEN[scale]
    assert set(golden["suites"]) <= {*benchmark.suites, *(SEARCH_PREFIX + suite for suite in benchmark.searches)}
    assert probes()["mixture"].digest(benchmark) == golden["mixture"]
    if golden["cost"]:
        assert probes()["cost"].digest(benchmark) == golden["cost"]


def test_every_released_scale_has_golden_digests():
    released = {file.parent.name for file in (REPOSITORY / "results/released").glob(f"*/{MANIFEST}")}
    assert released and released <= set(GOLDEN)


@pytest.mark.parametrize("scale", [scale for scale in GOLDEN if (REPOSITORY / "results/released" / scale).is_dir()])
def test_released_cells_were_made_by_the_present_configuration(scale):
    """Every released cell names its digests; all are current, those beyond the grid too."""
    benchmark, seen, tree = at_release(scale), 0, Tree(REPOSITORY / "results/released" / scale)
    for pack in sorted(tree.root.glob(f"*/{CELLS}")):
        for address in tree.cells(scale, pack.parent.name):
            record = tree.cell(address)
            assert record is not None and record["config"] == benchmark.cell(address).digests, address
            seen += 1
    assert seen or scale == "cpu-trial"  # which holds a reference and a run's held-out loss alone
