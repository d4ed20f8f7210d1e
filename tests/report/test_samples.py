"""The figure of samples: blocks of step counts with a row per method, below real images that can be believed."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from made_up import SOURCES
from test_report import SUITE, make_tree

from atbench.reading import tidy
from atbench.reading.pictures import real_images
from atbench.reading.tree import MANIFEST
from atbench.report import samples
from atbench.runtime import provenance
from atbench.runtime.json_files import write_json
from atbench.spec.load import load

BENCHMARK = load("ci")
SPEC = BENCHMARK.suite(SUITE)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)
    return make_tree(BENCHMARK, tmp_path / "ci", [0])


@pytest.fixture
def picture(root) -> Path:
    """A picture of real images, as the reference task leaves one."""
    path = root / "reference" / SPEC.judging.picture_path.name
    shutil.copy(next(root.glob(f"{SUITE}/*/seed0/final/*.png")), path)
    return path


def figure(root: Path):
    return samples.samples(SPEC, tidy.on_grid(tidy.collect(BENCHMARK, root, [SUITE]), SPEC), root)


METHODS = ["ADM", "ADM, 3x batches", "ADM-IP", "ADM-AT"]


def blocks(root: Path) -> dict[str, list[str]]:
    """Title of a block -> its rows."""
    return {axes.get_title(): [label.get_text() for label in axes.get_yticklabels()] for axes in figure(root).axes}


def test_there_is_a_block_for_each_of_some_step_counts_with_a_row_per_method(root):
    assert blocks(root) == {"5 NFE": METHODS, "10 NFE": METHODS}
    assert "real" not in figure(root).get_suptitle()


def test_real_images_stand_in_the_first_row_and_the_heading_says_so(root, picture):
    assert blocks(root) == {"": ["real images"], "5 NFE": METHODS, "10 NFE": METHODS}
    assert "first row: real images, held out" in figure(root).get_suptitle().replace("\n", " ")
    images = real_images(root, SPEC.judging)
    assert images.shape[0] == 16 and 0 <= images.min() < images.max() <= 1
    drawn = figure(root).axes[0].get_images()[0].get_array()
    assert np.abs(drawn[:, :8] - images[0]).max() <= 0.5 / samples.GREYS + 1e-6
    assert (drawn[:, 8] == 1).all()  # white stands between images


def test_a_missing_cell_leaves_its_row_empty_and_the_others_in_their_place(root):
    at = SPEC.samples
    (root / SUITE / f"ip/seed0/final/{at.sampler}-nfe5.json").unlink()
    whole, gap = (figure(root).axes[place].get_images()[0].get_array() for place in (1, 0))
    assert (gap[18:26] == 1).all() and not (whole[18:26] == 1).all()
    assert np.allclose(gap[27:], whole[27:])  # made-up pictures differ by seed alone
    assert [text.get_text() for text in figure(root).axes[0].texts] == ["—"]


def test_real_images_that_were_changed_since_their_release_are_left_out_and_named(root, picture, capfd):
    files = {f"reference/{picture.name}": "0" * 64}
    write_json(root / MANIFEST, {"commit": "0" * 40, "dirty": False, "scale": "ci", "files": files})
    assert "real images" not in blocks(root).get("", [])
    assert picture.name in capfd.readouterr().err
