"""A scale whose held-out images lead, and whose suites train what a family of tests compares: all of its pages."""

import shutil

import pytest
import test_report
from spoil import spoil
from test_report import SUITE, make_tree

from atbench.report.build import build
from atbench.report.page import build as page
from atbench.report.show import metric_lines
from atbench.runtime import provenance
from atbench.spec import load, yaml

SEEDS = [0, 1, 2, 3, 4]
CONTROLS = ["replay", "at-mid", "at-random"]


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    """Scale ci with the methods of the primary family, five seeds and held-out images in front."""
    folder = tmp_path / "experiments"
    shutil.copytree(yaml.EXPERIMENTS, folder)
    spoil(folder / "scales/ci.yaml", "suites", "scratch", "controls", CONTROLS)
    spoil(folder / "scales/ci.yaml", "leads", "fd_heldout")
    spoil(folder / "scales/ci.yaml", "suites", "scratch", "seeds", SEEDS)
    spoil(folder / "scales/ci.yaml", "suites", "scratch", "search_seeds", [100, 101])
    monkeypatch.setattr(yaml, "EXPERIMENTS", folder)
    monkeypatch.setattr(provenance, "source_hash", test_report.SOURCES.get)
    monkeypatch.setattr(test_report, "SHIFT", test_report.SHIFT | {"at-mid": -1.1, "at-random": -0.2, "replay": -0.3})
    load.load.cache_clear()
    yield load.load("ci")
    load.load.cache_clear()


@pytest.fixture
def root(benchmark, tmp_path):
    root = make_tree(benchmark, tmp_path / "results/ci", SEEDS)
    build(benchmark, root, [SUITE], SEEDS)
    return root


def text(root, name):
    return (root / "tables" / f"{name}.md").read_text()


@pytest.mark.slow
def test_tables_figures_and_claims_have_held_out_images_in_front(benchmark, root):
    assert "FD-digits to held-out images, mean" in text(root, "scratch")
    assert "Trained from scratch: FD-digits, mean" in text(root, "scratch-fd")  # to the training images, second
    assert "difference of FD-digits to held-out images" in text(root, "scratch-paired")
    assert (root / "figures/scratch-quality-nfe.png").exists()
    claims = text(root, "claims")
    assert "per cent of the baseline's FD-digits to held-out images" in claims
    assert "where the distance to training images gives another verdict" in claims


@pytest.mark.slow
def test_the_family_is_marked_and_has_its_tables(benchmark, root):
    claims, power, variance = (text(root, name) for name in ("claims", "power", "variance"))
    assert claims.count("; primary") == 4 and "; secondary" in claims and "the primary family has 8 tests" in claims
    assert power.count("of 5 seeds)") == 4 and "0.30, " in power
    assert "ADM-AT (5 seeds)" in variance and "Training's share" in variance
    assert (root / "tables/tuning.md").exists()
    html = page.html(page.Sheet(benchmark, root, page.tidy.collect(benchmark, root, [SUITE], SEEDS), [SUITE]), {}, [])
    assert "FD-digits to held-out images" in html


def test_the_metrics_of_a_cell_keep_their_names():
    assert metric_lines({"fd": 1.0, "fd_heldout": 2.0}, "FD-digits")[0].startswith("fd (FD-digits)")
