"""Precision and recall equal torch-fidelity's, of all samples and without each block, from distances taken once."""

import pytest
import torch
from torch_fidelity.metric_prc import prc_features_to_metric

from atbench.metrics import manifold
from atbench.metrics.features import Features
from atbench.metrics.manifold import ball_radii, overlap
from atbench.metrics.reference import Split, feature_statistics
from atbench.metrics.uncertainty import blocks_of


def rows(count, width=4, seed=0):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def by_torch_fidelity(samples, real, neighbours):
    found = prc_features_to_metric(samples, real, prc_neighborhood=neighbours, verbose=False)
    return found["precision"], found["recall"]


@pytest.mark.parametrize("rows_held", [64, 2048])
@pytest.mark.parametrize(
    ("counts", "neighbours", "blocks"),
    [((200, 300), 3, 4), ((300, 200), 1, 10), ((60, 90), 5, 30), ((50, 80), 40, 8), ((8, 8), 2, 2)],
)
def test_all_samples_and_all_but_a_block_are_as_by_torch_fidelity(counts, neighbours, blocks, rows_held, monkeypatch):
    monkeypatch.setattr(manifold, "ROWS", rows_held)
    samples, real = rows(counts[0]) + 0.5, rows(counts[1], seed=1)
    left_out = blocks_of(counts[0], blocks)
    found = overlap(samples, real, ball_radii(real, neighbours), neighbours, left_out)
    assert (found.precision, found.recall) == by_torch_fidelity(samples, real, neighbours)
    for block, precision, recall in zip(left_out, found.precisions, found.recalls, strict=True):
        stay = torch.ones(len(samples), dtype=torch.bool)
        stay[block] = False
        expected = by_torch_fidelity(samples[stay], real, neighbours)
        assert (precision, recall) == pytest.approx(expected, abs=1e-6)


def test_more_rows_than_are_held_at_once():
    samples, real = rows(2100, 32), rows(2300, 32, seed=1)
    found = overlap(samples, real, ball_radii(real, 3), 3, [])
    assert (found.precision, found.recall) == pytest.approx(by_torch_fidelity(samples, real, 3), abs=1e-6)


def test_each_pair_is_measured_once_whatever_the_number_of_blocks(monkeypatch):
    samples, real = rows(100), rows(150, seed=1)
    seen, original = [], manifold.calc_cdist_part

    def counted(first, second):
        seen.append((len(first), len(second)))
        return original(first, second)

    monkeypatch.setattr(manifold, "calc_cdist_part", counted)
    features = Features(real, real)
    split = Split(torch.zeros(0, 1, 8, 8), features, feature_statistics(real))
    for blocks in (2, 10):
        overlap(samples, real, split.manifold(3)[1], 3, blocks_of(100, blocks))
    assert seen == [(150, 150), *[(100, 100), (150, 100)] * 2]  # real balls once for all cells
