"""What the metrics of a cell take: real scoring of random images, of fewer where that is long."""

import pytest
import torch

from atbench.estimate import scoring
from atbench.estimate.scoring import grown, measure_metrics, real_images
from atbench.metrics.score import score_features
from atbench.runtime.errors import UserError
from atbench.spec.load import load

CPU = torch.device("cpu")
JUDGING = load("ci").suite("scratch").judging


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """A machine on which nothing is trained."""
    monkeypatch.chdir(tmp_path)


def scored_with(monkeypatch, seconds):
    """The numbers of samples that were scored, each as if it took ``seconds`` of the processor for a hundred."""
    asked = []

    def timed(work, images, times, device):
        asked.append(images)
        return (seconds * images / 100,) * 2

    monkeypatch.setattr(scoring, "seconds", timed)
    return asked


def test_a_cell_is_scored_as_it_is_by_every_metric(monkeypatch):
    seen = []

    def spy(features, reference, options, nearest, rows):
        seen.append((len(features), len(reference.train), nearest.shape[1], options))
        return score_features(features, reference, options, nearest, rows=rows)

    monkeypatch.setattr(scoring, "score_features", spy)
    timing = measure_metrics(JUDGING, CPU)
    samples = JUDGING.suite.evaluation.samples
    assert timing.images == timing.wanted == samples and min(timing.wall) > 0
    assert seen[-1] == (samples, 1348, samples, JUDGING.suite.evaluation.metrics)  # digits have 1348 images to train on


def test_long_scoring_is_cut_and_grows_as_it_did(monkeypatch):
    asked = scored_with(monkeypatch, seconds=4.0)  # 64 samples: 2.56 s, 128: over four
    timing = measure_metrics(JUDGING, CPU)
    assert asked == [64, 128] and (timing.images, timing.wanted) == (128, 192)
    assert timing.wall == pytest.approx((4.0 * 192 / 100,))  # it grew with the number


def test_scoring_that_is_long_at_once_is_tried_once(monkeypatch):
    asked = scored_with(monkeypatch, seconds=100.0)
    assert measure_metrics(JUDGING, CPU).images == 64 and asked == [64]


def test_growth_is_that_of_the_last_two():
    assert grown({64: [(1.0, 1.0)]}, 128) == 2  # one alone: linearly
    assert grown({64: [(1.0, 1.0)], 128: [(1.0, 1.0)]}, 1024) == 1  # covariances alone
    assert grown({64: [(1.0, 1.0)], 128: [(4.0, 4.0)]}, 256) == pytest.approx(4)
    assert grown({64: [(1.0, 1.0)], 128: [(0.9, 0.9)]}, 256) == 1  # noise is no gain


def test_a_pretrained_extractor_that_is_not_here_is_named(monkeypatch):
    monkeypatch.delenv("ATBENCH_EXTRACTOR", raising=False)
    with pytest.raises(UserError, match="ATBENCH_EXTRACTOR"):
        measure_metrics(load("paper").suite("scratch").judging, CPU)


def test_real_images_are_counted_where_the_format_knows_them():
    assert real_images(JUDGING) == 1348
    assert real_images(load("paper").suite("scratch").judging) == 50_000
