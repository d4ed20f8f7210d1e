"""A sample of what `make test-faults` tries ten thousand times: no changed record is believed, none ends a report."""

import pytest
from faults import records
from faults.chance import drawn
from faults.trials import BAD

BATCHES = 10  # of 50 records

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world():
    with records.world_in_passing() as made:
        yield made


@pytest.fixture(scope="module")
def batches(world):
    return drawn(world.mutants(), 0, BATCHES)


@pytest.mark.parametrize("number", range(BATCHES))
def test_every_change_is_refused_and_none_is_drawn(world, batches, number):
    suite, mutants = batches[number]
    found = records.tried(world, suite, mutants, figures=number % 5 == 0)
    bad = [f"{verdict}: {mutant}: {detail}" for mutant, (verdict, detail) in found.items() if verdict in BAD]
    assert bad == []
