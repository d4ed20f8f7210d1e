"""Families of tests, declared before any result: each is corrected for its own number of tests, and for no other.

What stands in no family is secondary, and corrected as one family of its own. A primary family counts the tests that
claims.yaml declares, made or not, at whatever scale: a suite more, or one that is still to come, moves none of its p.
"""

from collections.abc import Mapping
from typing import Any

from atbench.judgement import statistics
from atbench.spec.benchmark import Benchmark

SECONDARY = ""  # what claims of no family belong to
TESTS = ("p", "p_margin")  # against no gain, and against one that counts: each is corrected for itself


def sizes(benchmark: Benchmark) -> dict[str, int]:
    """Family -> tests that claims.yaml declares in it: a claim's suites, budgets and, where judged each, samplers."""
    found: dict[str, int] = {}
    for claim in benchmark.claims.values():
        if claim.family:
            tests = len(claim.suites) * len(claim.against) * (len(claim.samplers) if claim.judged == "each" else 1)
            found[claim.family.name] = found.get(claim.family.name, 0) + tests
    return found


def correct(rows: list[dict[str, Any]], declared: Mapping[str, int], least: int) -> None:
    """Fill in the corrected p and the number of tests of ``rows``, by Holm within each family.

    Judged are those with ``least`` seeds. Of a declared family the tests that cannot be judged yet count as if they had
    shown nothing; of the secondary claims those are left out, and planned as if all results counted.
    """
    for family in {row["family"] for row in rows}:
        members = [row for row in rows if row["family"] == family]
        judged = [row for row in members if row["seeds"] >= least]
        absent = max(0, declared.get(family, 0) - len(judged))
        for key in TESTS:
            corrected = statistics.holm([row[key] for row in judged] + [1.0] * absent)
            for row, p in zip(judged, corrected):
                row[f"{key}_corrected"] = p
        present = sum(row["seeds"] > 0 for row in members)
        for row in members:
            alone = len(judged) if row["seeds"] >= least else present
            row["tests"] = declared.get(family, alone)
