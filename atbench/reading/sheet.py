"""The results of a scale as they stand: what every table and figure is drawn from. Light: no pandas at import."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.spec.benchmark import Benchmark, Suite

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sheet:
    """What a table or figure is drawn from."""

    benchmark: Benchmark
    root: Path  # of the scale's tree, local or released
    frame: "pd.DataFrame"  # of `tidy.collect` over the suites
    suites: list[str]

    def suite(self, name: str) -> Suite:
        """A suite of the scale. Raises UserError for a name that no file, or not the scale, declares."""
        return self.benchmark.suite(name)

    def seeds_of(self, suite: str) -> list[int]:
        """The seeds that the report of a suite is asked for."""
        frame = self.frame
        return sorted(map(int, frame[(frame.suite == suite) & ~frame.off_grid].seed.unique()))


def without_results(benchmark: Benchmark, root: Path) -> UserError:
    """The refusal of a report of nothing."""
    made_by = f"snakemake --cores all --config scale={benchmark.scale}"
    return UserError(f"{root}: no results to report: {made_by} makes them")


def with_results(benchmark: Benchmark, root: Path) -> list[str]:
    """The suites of the scale that have some cells below ``root``, not those that only train what others rest on."""
    return [name for name in Tree(root).suites(benchmark) if benchmark.suite(name).samplers]
