"""The digests of every run and cell that the experiment files declare, held as they were at the release.

A digest says which configuration a result was made with. A change of the code that moves one makes released numbers
stale, so none may move before the results are released anew. The released records themselves are held against the
present digests too.
"""

import json
from pathlib import Path

import pytest
from checkout import REPOSITORY

from atbench import config, measures, plan, search, slices
from atbench.runtime.files import digest

GOLDEN = json.loads((Path(__file__).parent / "golden_digests.json").read_text())
RELEASED = REPOSITORY / "results/released"
SUITES = [(scale, suite) for scale, content in GOLDEN.items() for suite in content["suites"]]


def runs_of(benchmark, suite):
    if suite.startswith(config.TUNE_PREFIX):
        return search.candidates(benchmark, suite.removeprefix(config.TUNE_PREFIX))
    return plan.runs(benchmark, suite)


def digests_of(benchmark, suite):
    """All that the golden file says of a suite."""
    runs = runs_of(benchmark, suite)
    cells = [cell for run in runs for cell in plan.cells(benchmark, run)]
    evaluations = [[str(cell), slices.evaluation_digest(benchmark, cell)] for cell in cells]
    found = {
        "runs": {f"{run.method}/seed{run.seed}": slices.training_digest(benchmark, run) for run in runs},
        "cells": {"count": len(cells), "evaluation": digest(evaluations)},
    }
    if suite.startswith(config.TUNE_PREFIX):
        return found
    if benchmark.suite(suite)["samplers"]:
        found["judging"] = digest(slices.suite_judging(benchmark, suite))
    for target, of in {"mismatch": slices.mismatch_digest, "heldout": slices.heldout_digest}.items():
        if suite in getattr(benchmark, target)["suites"]:
            found[target] = digest([of(benchmark, run) for run in runs])
    return found


@pytest.mark.parametrize(("scale", "suite"), SUITES)
def test_digests_of_a_suite_are_those_of_the_release(scale, suite):
    assert digests_of(config.load(scale), suite) == GOLDEN[scale]["suites"][suite]


@pytest.mark.parametrize("scale", GOLDEN)
def test_digests_of_a_scale_are_those_of_the_release(scale):
    benchmark, golden = config.load(scale), GOLDEN[scale]
    declared = {*benchmark.sizes["suites"], *(config.TUNE_PREFIX + suite for suite in search.suites(benchmark))}
    assert declared == set(golden["suites"])
    assert measures.mixture_digest(benchmark) == golden["mixture"]
    if golden["cost"]:
        assert measures.cost_digest(benchmark) == golden["cost"]


def test_every_scale_has_golden_digests():
    assert {file.stem for file in (config.EXPERIMENTS / "scales").glob("*.yaml")} == set(GOLDEN)


@pytest.mark.parametrize("scale", [scale for scale in GOLDEN if (RELEASED / scale).is_dir()])
def test_released_cells_were_made_by_the_present_configuration(scale):
    """Every released cell names its digests; all are current, those beyond the grid too."""
    benchmark, seen = config.load(scale), 0
    for path in sorted((RELEASED / scale).glob("*/*/seed*/*/*-nfe*.json")):
        cell = plan_cell(path)
        assert json.loads(path.read_text())["config"] == slices.digests(benchmark, cell), path
        seen += 1
    assert seen or scale == "cpu-trial"  # which holds a reference and a run's held-out loss alone


def plan_cell(path):
    from atbench.spec.address import ROOT, parse_cell

    return parse_cell(Path(ROOT, path.relative_to(RELEASED)))
