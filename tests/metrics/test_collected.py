"""Metrics of plugins that look at the images themselves: rows are taken block by block, wherever there are images."""

import textwrap
from dataclasses import replace

import pytest
import torch

from atbench.contracts import metrics as contract
from atbench.contracts.check import check
from atbench.metrics.features import Extractor, Features
from atbench.metrics.score import score
from atbench.metrics.stream import Scoring
from atbench.spec import plugins

BRIGHTNESS = """
    import torch
    from atbench.spec.metric import Metric

    METRICS = (Metric("brightness_gap", "gap of mean brightness", "lower", 0),)

    def collect(images):
        return images.float().mean((1, 2, 3))

    def measure(scored):
        if scored.collected is None:
            return {}
        real = collect(scored.reference.train.images)
        return {"brightness_gap": (scored.collected.mean() - real.mean()).abs()}
"""


@pytest.fixture
def brightness(tmp_path):
    file = tmp_path / "brightness.py"
    file.write_text(textwrap.dedent(BRIGHTNESS))
    with plugins.added(plugins.read(file)):
        yield file


class Flat(torch.nn.Module):
    """Features of an image: its first pixels."""

    def forward(self, images):
        rows = images.flatten(1)[:, : contract.WIDTH].float()
        return rows, rows[:, : contract.CLASSES]


def test_pieces_and_the_whole_give_one_number(brightness):
    extractor = Extractor("flat", "0" * 64, Flat(), 1, 8, 32, torch.device("cpu"))
    images, _ = contract.made_up("samples", contract.SAMPLES, 0.5)
    whole = score(images, extractor(images), contract.reference(), contract.OPTIONS)
    scoring = Scoring(extractor, contract.reference(), contract.OPTIONS)
    for piece in images.split(50):
        scoring.add(piece)
    assert scoring.finish()["brightness_gap"] == pytest.approx(whole["brightness_gap"]) and whole["brightness_gap"] > 1


def test_without_images_there_is_no_number(brightness):
    images, features = contract.made_up("samples", contract.SAMPLES)
    assert isinstance(features, Features)
    without = score(images[:0], features, reference_without_images(), contract.OPTIONS)
    assert "brightness_gap" not in without and "fd" in without


def reference_without_images():
    reference = contract.reference()
    return replace(
        reference,
        train=replace(reference.train, images=reference.train.images[:0]),
        heldout=replace(reference.heldout, images=reference.heldout.images[:0]),
    )


def test_it_keeps_the_contract(tmp_path):
    file = tmp_path / "brightness.py"
    file.write_text(textwrap.dedent(BRIGHTNESS))
    assert [str(finding) for finding in check(file) if finding.verdict == "FAIL"] == []
