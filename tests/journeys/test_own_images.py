"""Images of one's own: from a folder of crops to a table, a figure, and no more verdict than so few images allow."""

import time
from pathlib import Path

import matplotlib
import numpy as np
import pages
import pytest
from checkout import REPOSITORY, Checkout, edit, jobs
from PIL import Image
from sklearn.datasets import load_sample_images

SIDE, CROPS = 32, 120
SMALL = {"kid_subsets": 4, "kid_subset_size": 32, "is_splits": 2, "pr_neighbours": 3, "blocks": 2}


def pictures():
    """Name -> photograph (H, W, 3) that an installed package ships: scikit-learn's two and matplotlib's portrait."""
    found = dict(zip(("temple", "flower"), load_sample_images().images))
    portrait = Path(matplotlib.get_data_path(), "sample_data/grace_hopper.jpg")
    return found | {"portrait": np.asarray(Image.open(portrait).convert("RGB"))}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A fresh checkout with crops of three pictures in `photos`, a sub-folder for each."""
    checkout = Checkout(tmp_path_factory.mktemp("study") / "atbench")
    checkout.build_environment()
    chance = np.random.default_rng(0)
    for name, picture in pictures().items():
        folder = checkout.folder / "photos" / name
        folder.mkdir(parents=True)
        for number in range(CROPS):
            top, left = (chance.integers(side - SIDE + 1) for side in picture.shape[:2])
            Image.fromarray(picture[top : top + SIDE, left : left + SIDE]).save(folder / f"{number:03d}.png")
    return checkout


def smaller(scale):
    """A study for a test: two methods, one seed, a few batches, and images enough for the metrics alone."""
    scale["nfe"] = [5, 10]
    scale["evaluation"] = {"samples": 64, "metrics": SMALL, "floor_repeats": 4}
    scale["suites"]["scratch"] = {"batches": 10, "snapshots": 1, "seeds": [0], "without": ["ip", "adm-3x"]}


def test_the_page_of_ones_own_images_leads_to_a_table_a_figure_and_an_honest_verdict(study):
    """No crop of the portrait is trained on: of a picture that is half seen, held-out crops would say nothing."""
    begun = time.monotonic()
    first, *others = pages.runnable(REPOSITORY / "docs/own-images.md")
    assert first == "atbench init my-study --images photos" and others[-1] == "make reproduce SCALE=my-study"
    said = study.run("bash", "-c", f"{first} --held-out-folders portrait")
    assert "360 colour images, short side 32 pixels" in said and "240 to train on, 120 held out" in said
    assert "Scale my-study on cpu" in said  # the probe of this machine
    edit(study.folder / "experiments/scales/my-study.yaml", smaller)
    for command in others[:-1]:  # the last one is all suites
        study.run("bash", "-c", command)
    assert jobs(study.snakemake("-n", "scratch", scale="my-study")) == {}
    results = study.folder / "results/my-study"
    table = " ".join((results / "tables/scratch.md").read_text().split())  # its caption is broken into lines
    assert "FD-effnet-lite0 is shown without bold or verdict; KID leads" in table and "**" not in table
    leading = (results / "tables/scratch-kid.md").read_text()
    assert "Bold: better than every method" in leading and "**" not in leading  # of one seed nothing is sure
    study.snakemake("results/my-study/tables/claims.md", scale="my-study", config=("suites=[scratch]",))
    assert "FD-effnet-lite0 gets no verdict below 6,400 real images" in (results / "tables/claims.md").read_text()
    assert (results / "figures/scratch-quality-nfe.png").stat().st_size > 10_000
    said = study.run("atbench", "score", "photos/portrait", "--scale", "my-study")
    assert "results/my-study/foreign/portrait.json" in said
    print(f"own images, from the folder to the figure: {time.monotonic() - begun:.0f} s")
