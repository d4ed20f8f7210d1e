"""How a gain is counted: as a difference, or as a share of the baseline's value, which is tested as a log ratio."""

import math
from dataclasses import dataclass
from typing import Literal

HIGHEST = 50.0  # two seeds can give any interval; e^50 is as bad as infinity


@dataclass(frozen=True)
class Gains:
    """How gains of one method over another are counted: always positive where the first is better."""

    better: Literal["lower", "higher"]
    unit: str  # "relative" or "absolute", as in the margin of a claim

    def of(self, ours: float, theirs: float) -> float:
        """The gain of one pair of cells on the scale of the tests. A ratio needs positive numbers."""
        return self._sign * (ours - theirs if self.unit == "absolute" else math.log(ours / theirs))

    def on_test_scale(self, gain: float) -> float:
        """A gain as written in a margin on the scale of the tests."""
        return gain if self.unit == "absolute" else self._sign * math.log(1 + self._sign * gain)

    def as_written(self, gain: float) -> float:
        """The inverse of `on_test_scale`: a share of the baseline's value, or a difference."""
        return gain if self.unit == "absolute" else self._sign * math.expm1(min(self._sign * gain, HIGHEST))

    @property
    def _sign(self) -> int:
        return 1 if self.better == "higher" else -1
