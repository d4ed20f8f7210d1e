"""How two programs are compared: they take turns, and what counts is the ratio within each turn.

Whatever else the machine does slows both sides of a turn alike, and a drift (heat, a neighbour) favours neither, since
every second turn goes the other way round. CPU seconds judge, of the process and of the children it has waited for.
"""

import math
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.record import SIDES, PairForm, Quantity

Sample = dict[Quantity, float]
Action = Callable[[], Any]
Stopwatch = Callable[[Action], Sample]
DRAWS, SEED = 10_000, 0  # of the bootstrap
FEWEST = 5  # values of which a bootstrap says anything
MOST_REPEATS = 10_000


@dataclass(frozen=True)
class Budget:
    """How often the sides take turns: ``most`` times, or until ``seconds`` are over, but at least ``least`` times."""

    least: int
    most: int
    seconds: float
    sample: float = 0.2  # seconds that a sample takes at least: shorter calls are made several times


def on_cpu(action: Action) -> Sample:
    """CPU and wall seconds of an action, its finished children among them."""
    cpu, wall = _cpu(), time.perf_counter()
    action()
    return {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall}


def on_cuda(action: Action) -> Sample:
    """The same, and seconds between two events on the GPU's own stream; it is idle before the first."""
    import torch

    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    cpu, wall = _cpu(), time.perf_counter()
    begin.record()
    action()
    end.record()
    torch.cuda.synchronize()
    seconds = {"cpu": _cpu() - cpu, "wall": time.perf_counter() - wall}
    return seconds | {"gpu": begin.elapsed_time(end) / 1000}


def reported(action: Action) -> Sample:
    """What an action itself says that it took: that of another process."""
    return dict(action())


def interleaved(
    ours: Action, peer: Action, budget: Budget, watch: Stopwatch, warm: bool = True
) -> tuple[list[PairForm], int]:
    """The turns of two sides, and how many calls stand behind each sample of them.

    warm: call each side once before, unmeasured, and once more to see how long a call takes.
    """
    actions, repeats = dict(zip(SIDES, (ours, peer))), 1
    if warm:
        for action in actions.values():
            action()
        repeats = repeats_of(min(watch(action)["wall"] for action in actions.values()), budget.sample)
    turns: list[PairForm] = []
    spent = 0.0
    while len(turns) < budget.least or (len(turns) < budget.most and spent < budget.seconds):
        order = SIDES if len(turns) % 2 == 0 else SIDES[::-1]
        taken = {side: repeated(actions[side], repeats, watch) for side in order}
        turns.append(PairForm(first=order[0], **taken))
        spent += repeats * sum(sample["wall"] for sample in taken.values())
    return turns, repeats


def in_rounds(
    actions: Mapping[int, Action], budget: Budget, watch: Stopwatch, warm: bool = True
) -> dict[int, list[Sample]]:
    """Samples of actions by their size; a round has each of them once, every second round in reverse order."""
    taken: dict[int, list[Sample]] = {size: [] for size in actions}
    repeats = dict.fromkeys(actions, 1)
    if warm:
        for size, action in actions.items():
            action()
            repeats[size] = repeats_of(watch(action)["wall"], budget.sample)
    rounds, spent = 0, 0.0
    while rounds < budget.least or (rounds < budget.most and spent < budget.seconds):
        for size in list(actions)[:: 1 if rounds % 2 == 0 else -1]:
            taken[size].append(repeated(actions[size], repeats[size], watch))
            spent += repeats[size] * taken[size][-1]["wall"]
        rounds += 1
    return taken


def repeats_of(seconds: float, wanted: float) -> int:
    """Calls of so many seconds that make a sample of the length wanted."""
    return min(MOST_REPEATS, max(1, math.ceil(wanted / max(seconds, 1e-9))))


def repeated(action: Action, repeats: int, watch: Stopwatch) -> Sample:
    """What one call takes, the mean of several in a row."""
    if repeats == 1:
        return watch(action)

    def all_of_them() -> None:
        for _ in range(repeats):
            action()

    return {quantity: value / repeats for quantity, value in watch(all_of_them).items()}


def spread(values: list[float]) -> dict[str, object]:
    """Median, quartiles, ends and, of FEWEST values or more, the 95 % interval of the median."""
    low, high = np.quantile(values, (0.25, 0.75)).tolist()
    interval = median_interval(values) if len(values) >= FEWEST else None
    return {
        "median": median(values),
        "quartiles": [low, high],
        "range": [min(values), max(values)],
        "interval": interval,
    }


def median_interval(values: list[float]) -> list[float]:
    """Percentile bootstrap of the median (Efron 1979), seeded."""
    drawn = np.random.default_rng(SEED).choice(values, size=(DRAWS, len(values)))
    return np.quantile(np.median(drawn, axis=1), (0.025, 0.975)).tolist()


def summary(turns: list[PairForm], judged_by: Quantity, repeats: int) -> dict[str, object]:
    """The turns with the medians and ratios that they come to."""
    quantities = list(turns[0].ours)
    ratios = {quantity: spread([turn.ratio(quantity) for turn in turns]) for quantity in quantities}
    sides = {side: {q: spread([getattr(turn, side)[q] for turn in turns]) for q in quantities} for side in SIDES}
    judged = {"judged_by": judged_by, "ratio": ratios[judged_by]["median"], "ratios": ratios}
    return {**judged, **sides, "repeats": repeats, "pairs": [turn.model_dump() for turn in turns]}


def points(taken: Mapping[int, list[Sample]]) -> list[dict[str, object]]:
    """The points of a curve."""
    return [
        {"size": size, "cpu": spread([s["cpu"] for s in samples]), "wall": spread([s["wall"] for s in samples])}
        for size, samples in taken.items()
    ]


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)
