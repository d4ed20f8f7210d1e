"""Images made elsewhere: which of them are scored, where there are more than a cell has."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from runs import train

from atbench.data.samples_file import write_samples
from atbench.metrics.anchors import floor_of
from atbench.metrics.reference import feature_statistics
from atbench.metrics.score import check_options
from atbench.runtime.errors import UserError
from atbench.runtime.records import read_record
from atbench.spec.load import load
from atbench.spec.score_options import fewest
from atbench.tasks import score as scoring
from atbench.tasks.score import drawn, score

IMAGES = torch.randint(0, 256, (1000, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_fewest_images_are_those_that_every_metric_takes():
    options = load("laptop").file.evaluation.metrics
    least = fewest(options, reference=1348)
    check_options(options, least, 1348, "samples")
    with pytest.raises(UserError, match="kid_subset_size"):
        check_options(options, least - 1, 1348, "samples")


def test_a_real_image_is_nearer_in_larger_company():
    assert floor_of(made_up_reference(), 50, 4, seed=0) > floor_of(made_up_reference(), 500, 4, seed=0) > 0


def made_up_reference():
    """What `floor_of` reads of one: features and their Gaussian."""
    features = torch.randn(600, 16, generator=torch.Generator().manual_seed(0))
    train = SimpleNamespace(features=SimpleNamespace(features=features), statistics=feature_statistics(features))
    return SimpleNamespace(train=train)


def test_as_many_as_wanted_are_taken_as_they_are():
    assert torch.equal(drawn(IMAGES, 1000), torch.arange(1000))
    assert torch.equal(drawn(IMAGES, 2000), torch.arange(1000))  # or all there are


def test_of_more_a_fixed_choice_is_taken_from_all_of_them():
    """A folder sorted by class was once cut to its first classes."""
    rows = drawn(IMAGES, 512)
    assert len(rows) == len(set(rows.tolist())) == 512
    assert 0.45 < (rows < 500).float().mean() < 0.55
    assert torch.equal(rows, drawn(IMAGES, 512))


def test_the_order_in_which_they_lie_changes_neither_the_choice_nor_the_blocks_of_the_error_bars():
    """The choice was once one of positions: the same images by class had another distance."""
    by_brightness = IMAGES[IMAGES.float().mean((1, 2, 3)).argsort()]
    assert torch.equal(by_brightness[drawn(by_brightness, 512)], IMAGES[drawn(IMAGES, 512)])


def test_where_the_real_images_have_no_features_yet_they_are_made_first(tmp_path, monkeypatch):
    """In a fresh clone of a scale with released weights nothing but these is missing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ATBENCH_DEVICE", "cpu")
    suite = load("ci").suite("scratch")
    train(suite.benchmark.extractor_run.address)
    write_samples(Path("samples.npz"), IMAGES[: suite.evaluation.samples])
    made, original = [], scoring.reference
    monkeypatch.setattr(scoring, "reference", lambda suite: made.append(suite.name) or original(suite))
    for name in ("first", "second"):
        score(suite, {name: Path("samples.npz")})
    first, second = (read_record(f"results/ci/foreign/{name}.json") for name in ("first", "second"))
    assert made == ["scratch"] and first["metrics"] == second["metrics"]
    assert suite.judging.picture_path.exists()  # of held-out images, for the sheet of samples
