"""Collapsed samples are told by name and change no number; a collapsed reference is refused."""

import pytest
import torch
from spoil import refusal

from atbench.metrics.degenerate import check_reference, remarks
from atbench.metrics.features import Features


def features(values):
    return Features(values, torch.zeros(len(values), 2))


def drawn(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(64, 8), (8, 64)])
def test_samples_that_differ_need_no_remark(shape):
    assert remarks(features(drawn(*shape))) == []
    check_reference(features(drawn(*shape)), "digits")


@pytest.mark.parametrize("shape", [(64, 8), (8, 64)])
def test_equal_samples_and_samples_on_a_line_are_told(shape):
    n, d = shape
    equal = drawn(1, d).expand(n, d)
    line = drawn(1, d) + drawn(n, 1, seed=1) * drawn(1, d, seed=2)
    assert remarks(features(equal)) == ["samples: all features are equal, their covariance is zero"]
    assert "rank 1" in remarks(features(line))[0]
    assert remarks(features(line + 0.01 * drawn(n, d, seed=3))) == []
    for values in (equal, line):
        assert "data mine: " in refusal(lambda values=values: check_reference(features(values), "mine"))
