"""Images made elsewhere: which of them are scored, where there are more than a cell has."""

import torch

from atbench.tasks.score import drawn


def test_as_many_as_wanted_are_taken_as_they_are():
    assert torch.equal(drawn(5, 5), torch.arange(5))


def test_of_more_a_fixed_random_choice_is_taken_from_all_of_them():
    """A folder sorted by class was once cut to its first classes."""
    rows = drawn(1000, 512)
    assert len(rows) == len(set(rows.tolist())) == 512 and torch.equal(rows, rows.sort().values)
    assert 0.45 < (rows < 500).float().mean() < 0.55
    assert torch.equal(rows, drawn(1000, 512))
