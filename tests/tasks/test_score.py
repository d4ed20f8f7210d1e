"""Images made elsewhere: which of them are scored, where there are more than a cell has."""

import torch

from atbench.tasks.score import drawn

IMAGES = torch.randint(0, 256, (1000, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_as_many_as_wanted_are_taken_as_they_are():
    assert torch.equal(drawn(IMAGES, 1000), torch.arange(1000))


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
