"""A sample of what `make test-faults` tries ten thousand times: no changed record is believed, none ends a report."""

import pytest
from faults import records
from faults.chance import drawn
from faults.trials import BAD

BATCHES = {"laptop-1": 6, "laptop": 2, "fashion": 2}  # of 50 records; the first scale has most kinds of them

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trial(request):
    """A scale's world, and the batches that are tried in it."""
    scale = request.param
    with records.world_in_passing(scale) as world:
        yield world, drawn(world.mutants(), 0, BATCHES[scale])


@pytest.mark.parametrize(
    ("trial", "number"), [(scale, n) for scale, count in BATCHES.items() for n in range(count)], indirect=["trial"]
)
def test_every_change_is_refused_and_none_is_drawn(trial, number):
    world, batches = trial
    suite, mutants = batches[number]
    found = records.tried(world, suite, mutants, figures=number % 5 == 0)
    bad = [f"{verdict}: {mutant}: {detail}" for mutant, (verdict, detail) in found.items() if verdict in BAD]
    assert bad == []


def test_every_scale_of_the_harness_is_sampled():
    assert set(BATCHES) == set(records.SCALES)
