"""What the seeds of a declared family can show: without any one of them, and against what a pilot had promised."""

import pandas as pd

from atbench.judgement import families, statistics
from atbench.judgement.claims import NOTHING, verdicts
from atbench.judgement.comparisons import of_families
from atbench.judgement.margins import gains_of
from atbench.spec.benchmark import Benchmark

LEFT_OUT = ["without_low", "without_high", "changes"]
POWER = ["pilot_std", "predicted", "planned_seeds"]


def power(benchmark: Benchmark, frame: pd.DataFrame, suites: list[str]) -> pd.DataFrame:
    """The verdicts of all families, with LEFT_OUT and POWER beside; ``frame`` as for `claims.judge`.

    without_low, without_high   least and greatest gain with one seed left out, as shares or differences
    changes                     the seeds without which the verdict would be another, in words
    predicted                   gain that ``planned_seeds`` seeds find with 80 % power if the pilot's spread is theirs;
                                `detectable` of the verdicts is the same with the spread that was seen
    """
    compared = of_families(benchmark, suites)
    found = verdicts(benchmark, compared, frame)
    declared = families.sizes(benchmark)
    without = {seed: verdicts(benchmark, compared, frame[frame.seed != seed]) for seed in sorted(frame.seed.unique())}
    rows = []
    for place, row in found.iterrows():
        claim, planned = benchmark.claims[row.claim], len(benchmark.suite(row.suite).size.seeds)
        assert claim.family is not None
        others = {seed: table.loc[place] for seed, table in without.items()} if row.seeds > 1 else {}
        gains = [other.gain for other in others.values() if other.verdict != NOTHING]
        level = statistics.LEVEL / declared[claim.family.name]
        predicted = statistics.detectable(claim.family.pilot_std, planned, level)
        rows.append(
            {
                "without_low": min(gains, default=float("nan")),
                "without_high": max(gains, default=float("nan")),
                "changes": " ".join(str(seed) for seed, other in others.items() if other.verdict != row.verdict),
                "pilot_std": claim.family.pilot_std,
                "predicted": gains_of(claim).as_written(predicted),
                "planned_seeds": planned,
            }
        )
    return pd.concat([found, pd.DataFrame(rows, columns=LEFT_OUT + POWER, index=found.index)], axis=1)
