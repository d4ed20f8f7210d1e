"""How two sides are compared: their turns, their medians, on clocks that the tests set."""

import pytest

from atbench.rng import generator
from benchmarks import method
from benchmarks.method import Budget, in_rounds, interleaved, repeats_of, spread, summary


class Machine:
    """Actions that take as long as they are told, on a clock of their own, and are noted in their order."""

    def __init__(self):
        self.now, self.calls = 0.0, []

    def action(self, name, *seconds):
        left = list(seconds)

        def act():
            self.calls.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return act

    def watch(self, action):
        begin = self.now
        action()
        return {"cpu": 2 * (self.now - begin), "wall": self.now - begin}


def turns_of(ours, peer, budget, **options):
    machine = Machine()
    turns, repeats = interleaved(
        machine.action("ours", *ours), machine.action("peer", *peer), budget, machine.watch, **options
    )
    return turns, repeats, machine.calls


def test_the_sides_take_turns_and_every_second_turn_goes_the_other_way_round():
    turns, _, calls = turns_of([1.0], [2.0], Budget(4, 4, 0), warm=False)
    assert calls == ["ours", "peer", "peer", "ours", "ours", "peer", "peer", "ours"]
    assert [turn.first for turn in turns] == ["ours", "peer", "ours", "peer"]
    assert [turn.ratio("wall") for turn in turns] == [0.5] * 4


def test_calls_that_warm_up_are_in_no_turn():
    turns, repeats, _ = turns_of([9.0, 1.0], [50.0, 2.0], Budget(2, 2, 0))
    assert repeats == 1 and [turn.ours["wall"] for turn in turns] == [1.0, 1.0]
    assert [turn.peer["wall"] for turn in turns] == [2.0, 2.0]


def test_turns_end_with_their_time_but_not_below_the_least():
    assert len(turns_of([1.0], [2.0], Budget(1, 99, 10), warm=False)[0]) == 4
    assert len(turns_of([1.0], [2.0], Budget(6, 99, 10), warm=False)[0]) == 6
    assert len(turns_of([1.0], [2.0], Budget(1, 3, 10), warm=False)[0]) == 3


def test_short_calls_are_repeated_until_a_sample_is_long_enough():
    turns, repeats, calls = turns_of([0.01], [0.02], Budget(1, 1, 0, sample=0.2))
    assert repeats == 20 and calls.count("ours") == calls.count("peer") == 22
    assert turns[0].ours == pytest.approx({"cpu": 0.02, "wall": 0.01})
    assert repeats_of(0.0, 0.2) == method.MOST_REPEATS and repeats_of(3.0, 0.2) == 1


def test_a_slow_spell_of_the_machine_does_not_move_the_ratio():
    """It slows both sides of a turn, so that the medians of the sides move and the ratio does not."""
    slow = [1.0, 1.0, 5.0, 5.0, 5.0]
    turns, _, _ = turns_of([0.8 * each for each in slow], slow, Budget(5, 5, 0), warm=False)
    found = summary(turns, "wall", 1)
    assert found["ratio"] == pytest.approx(0.8) and found["peer"]["wall"]["median"] == 5.0


def test_the_quantity_that_judges_decides_the_ratio():
    ours, peer = {"cpu": 1.0, "wall": 1.0, "bytes": 90.0}, {"cpu": 2.0, "wall": 1.0, "bytes": 100.0}
    turns, repeats = interleaved(lambda: ours, lambda: peer, Budget(2, 2, 0), method.reported, warm=False)
    assert repeats == 1
    assert summary(turns, "bytes", 1)["ratio"] == 0.9 and summary(turns, "cpu", 1)["ratio"] == 0.5


def test_a_round_has_every_size_once_and_every_second_round_goes_back():
    machine = Machine()
    actions = {size: machine.action(size, float(size)) for size in (1, 2, 4)}
    taken = in_rounds(actions, Budget(2, 2, 0), machine.watch, warm=False)
    assert machine.calls == [1, 2, 4, 4, 2, 1]
    assert {point["size"]: point["wall"]["median"] for point in method.points(taken)} == {1: 1.0, 2: 2.0, 4: 4.0}


def test_few_values_have_no_interval_and_more_have_one_around_their_median():
    assert spread([1.0, 3.0])["interval"] is None and spread([1.0, 3.0])["range"] == [1.0, 3.0]
    found = spread([1.0, 2.0, 3.0, 4.0, 100.0])
    low, high = found["interval"]
    assert found["median"] == 3.0 and found["quartiles"] == [2.0, 4.0] and 1.0 <= low <= 3.0 <= high <= 100.0


def test_the_interval_covers_the_true_median_about_as_often_as_it_says():
    import torch

    random, covered, tries = generator("interval"), 0, 100
    for _ in range(tries):
        low, high = method.median_interval(torch.randn(25, generator=random).tolist())
        covered += low <= 0 <= high
    assert 0.88 <= covered / tries <= 1.0


def test_the_clock_counts_the_work_of_children():
    import subprocess
    import sys

    burn = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    taken = method.on_cpu(lambda: subprocess.run([sys.executable, "-c", burn], check=True))
    assert taken["cpu"] >= 0.3 and taken["wall"] >= 0.3
