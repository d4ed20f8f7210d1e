"""What Hypothesis draws, as a list: the same for the same number, so that a stopped run of the harness goes on."""

from typing import TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

Drawn = TypeVar("Drawn")
ALONE = settings(phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck))


def drawn(strategy: SearchStrategy[Drawn], number: int, count: int) -> list[Drawn]:
    """``count`` examples of a strategy. Nothing is judged while they are drawn, so nothing is shrunk."""
    found: list[Drawn] = []

    @seed(number)
    @settings(ALONE, max_examples=count)
    @given(strategy)
    def draw(example: Drawn) -> None:
        found.append(example)

    draw()
    return found[:count]
