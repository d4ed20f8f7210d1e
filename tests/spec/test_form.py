"""Ranges of measured numbers: what no images can have is refused, what rounding makes of zero is not."""

import pytest

from atbench.spec.form import in_range


def test_a_distance_may_fall_below_zero_by_rounding_alone():
    """Seen: 120 photographs against themselves, 1,280 features."""
    in_range({"fd": 198.6, "fd_heldout": -3.8e-5})
    with pytest.raises(ValueError, match=r"fd_heldout -0\.001 cannot be"):
        in_range({"fd": 198.6, "fd_heldout": -0.001})
    with pytest.raises(ValueError, match=r"fd -198\.6 cannot be"):
        in_range({"fd": -198.6, "fd_heldout": 0.0})


def test_a_share_may_not_pass_one_however_large_the_distances_are():
    with pytest.raises(ValueError, match=r"precision 1\.0001 cannot be"):
        in_range({"fd": 198.6, "precision": 1.0001})


def test_what_is_no_metric_has_no_range():
    assert in_range({"unheard-of": -5.0}) == {"unheard-of": -5.0}
