"""The first three minutes: `make tour` in a fresh clone, and what the released weights are good for without it."""

import re
import resource
import shutil
import time

import numpy as np
import pytest
from checkout import REPOSITORY, Checkout, jobs

from atbench.reading.tree import manifest
from atbench.runtime.files import file_hash

CELL = "results/tour/scratch/at/seed0/final/ddim-nfe10.json"
OFF_GRID = CELL.replace("nfe10", "nfe7")
MOST_CPU_SECONDS = 3 * 60 * 2  # three minutes of two cores


@pytest.fixture
def clone(tmp_path) -> Checkout:
    """A fresh clone, its environment built."""
    checkout = Checkout(tmp_path / "atbench")
    shutil.copytree(REPOSITORY / "results/released", checkout.folder / "results/released")
    checkout.build_environment()
    return checkout


def cpu_seconds() -> float:
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_tour_samples_released_weights_and_ends_with_four_lines(clone, record_property):
    began, before = time.monotonic(), cpu_seconds()
    output = clone.run("make", "tour", "CORES=2")
    spent = cpu_seconds() - before
    record_property("make tour", f"{time.monotonic() - began:.0f} s by the clock, {spent:.0f} CPU seconds")
    assert spent < MOST_CPU_SECONDS
    made = jobs(output)
    assert made["take"] == 4 and made["evaluate"] == 3 and "train" not in made
    seen, verdict, look, type_next = re.findall(r"^(?:Seen|Verdict|Look|Type) .+$", output, re.M)
    assert seen.startswith("Seen") and type_next.startswith("Type")
    assert "inconclusive" in verdict and "1 seed decides nothing" in verdict
    for path in re.findall(r"results/tour/\S+\.(?:png|md)", look):
        assert (clone.folder / path).stat().st_size > 0
    assert (clone.folder / "results/tour/reference/digits-digits-cnn.png").exists()
    again = clone.run("make", "tour", "CORES=2")
    assert "Nothing to be done" in again
    assert "36 cells: " in clone.run("atbench", "compare", "--scale", "tour")  # equal, or within their noise


def test_a_fresh_clone_exports_scores_and_shows_without_the_tour(clone, record_property):
    began = time.monotonic()
    assert "metrics" in clone.run("atbench", "show", CELL).lower()
    output = clone.run("atbench", "export", OFF_GRID, "samples.npz", "--count", "512")
    assert "results/tour/scratch/at/seed0: weights taken from results/released/tour/scratch/at/seed0" in output
    images = np.load(clone.folder / "samples.npz")["arr_0"]
    assert images.shape == (512, 8, 8, 1) and images.std() > 10
    output = clone.run("atbench", "score", "samples.npz", "--name", "mine", "--scale", "tour")
    assert float(re.search(r"fd ([0-9.]+)", output)[1]) < 10  # digits; noise stands at forty
    taken = "results/tour/scratch/at/seed0/weights/final.safetensors"
    listed = manifest(clone.folder / "results/released/tour")["scratch/at/seed0/weights/final.safetensors"]
    assert file_hash(clone.folder / taken) == listed
    record_property("export, score and show", f"{time.monotonic() - began:.0f} s")


def test_a_point_off_the_grid_is_made_from_released_weights_alone(clone):
    output = clone.snakemake(OFF_GRID, scale="tour")
    assert jobs(output) == {"take": 2, "reference": 1, "cell": 1}  # of the extractor too
    assert "fd " in clone.run("atbench", "show", OFF_GRID)


def test_where_the_release_does_not_fit_its_manifest_the_run_is_trained_and_why_is_said(clone):
    weights = clone.folder / "results/released/tour/scratch/at/seed0/weights/final.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    message = clone.run("atbench", "export", CELL, "samples.npz", expect=2)
    assert "not what manifest.json lists" in message
    planned = clone.planned(CELL, scale="tour")
    assert planned["train"] == ["scratch/at"] and planned["take"] == ["extractor/digits-cnn"]
    weights.unlink()
    (weights.parent).rmdir()
    message = clone.run("atbench", "export", CELL, "samples.npz", expect=2)
    assert "to make them: snakemake --cores all results/tour/scratch/at/seed0/weights --config scale=tour" in message
