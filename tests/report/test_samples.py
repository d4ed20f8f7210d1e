"""The figure of samples: a row for each method, real images above them where there are any that can be believed."""

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


def rows(root: Path) -> list[str]:
    return [axes.get_ylabel() for axes in figure(root).axes]


def test_without_real_images_the_rows_are_those_of_the_methods(root):
    assert rows(root) == ["ADM", "ADM, 3x batches", "ADM-IP", "ADM-AT"]
    assert "real" not in figure(root).get_suptitle()


def test_real_images_stand_in_the_first_row_and_the_title_says_so(root, picture):
    assert rows(root) == ["real images", "ADM", "ADM, 3x batches", "ADM-IP", "ADM-AT"]
    assert "first row: real images, held out" in figure(root).get_suptitle()
    images = real_images(root, SPEC.judging)
    assert images.shape[0] == 16 and 0 <= images.min() < images.max() <= 1
    assert np.allclose(figure(root).axes[0].get_images()[0].get_array()[:, :8], images[0])


def test_real_images_that_were_changed_since_their_release_are_left_out_and_named(root, picture, capfd):
    files = {f"reference/{picture.name}": "0" * 64}
    write_json(root / MANIFEST, {"commit": "0" * 40, "dirty": False, "scale": "ci", "files": files})
    assert rows(root)[0] == "ADM"
    assert picture.name in capfd.readouterr().err
