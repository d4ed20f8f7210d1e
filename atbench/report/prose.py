"""Verdicts within pages of prose, written from the released records: a table between two comments for each claim.

The first comment says which: `verdicts on CLAIM in SUITE at SCALE`. Words and numbers are those of the scale's table of
claims, so no page can say more than it, or go on saying what it no longer says.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd

from atbench.judgement import claims, points
from atbench.reading import tidy
from atbench.reading.sheet import Sheet
from atbench.reading.tree import Tree, of_its_time
from atbench.report import verdict_table
from atbench.report.render import MARKDOWN, write_text
from atbench.runtime.errors import UserError
from atbench.spec.address import RELEASED
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import load
from atbench.spec.models.evidence import BUDGETS

PAGES = (Path("docs/results.md"), Path(RELEASED, "evidence.md"))
NAME = r"[a-z0-9-]+"
BEGIN = re.compile(rf"<!-- verdicts on ({NAME}) in ({NAME}) at ({NAME}): written by `atbench readme` -->")
END = "<!-- end of verdicts -->"


def write(root: Path) -> list[Path]:
    """Bring the blocks of PAGES below ``root`` in step with the released records; returns their paths."""
    return [write_text(root / page, replaced(page, (root / page).read_text(encoding="utf-8"))) for page in PAGES]


def replaced(page: Path, text: str, made: "Callable[[str, str, str], str] | None" = None) -> str:
    """``text`` with every block made anew, by `block` or ``made``. Raises UserError for one that has no end."""
    done, rest = "", text
    while found := BEGIN.search(rest):
        before, after = rest[: found.end()], rest[found.end() :]
        old, closed, after = after.partition(END)
        if not closed or BEGIN.search(old):
            raise UserError(f"{page}: {found.group()}: needs a line {END} below it")
        done, rest = f"{done}{before}\n\n{(made or block)(*found.groups())}\n\n{END}", after
    return done + rest


def block(claim: str, suite: str, scale: str) -> str:
    """A table of the verdicts on a claim in a suite of a released scale: a row for each set of samplers.

    Raises UserError where there is no such verdict.
    """
    benchmark, numbers = judged(scale)
    rows = numbers[(numbers.claim == claim) & (numbers.suite == suite)]
    if rows.empty:
        raise UserError(f"{RELEASED}/{scale}: no verdict on the claim {claim!r} with the suite {suite!r}")
    budgets = [budget for budget in BUDGETS if (rows.budget == budget).any()]
    heads = [verdict_table.HEADS[budget].lower() for budget in budgets]
    lines = [f"| {benchmark.claims[claim].claim} | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for _, group in rows.groupby("samplers", sort=False):
        of_budget = {row.budget: verdict_table.entry(benchmark, row, MARKDOWN) for row in group.itertuples()}
        tested = verdict_table.tested_on(benchmark, group.iloc[0])
        lines.append(f"| {tested} | {' | '.join(of_budget.get(budget, '—') for budget in budgets)} |")
    return "\n".join(lines).replace(" %", "\N{NO-BREAK SPACE}%")


@cache
def judged(scale: str) -> tuple[Benchmark, pd.DataFrame]:
    """The verdicts of a released scale, as its table of claims has them."""
    root = Path(RELEASED, scale)
    benchmark, tree = of_its_time(load(scale), root), Tree(root)
    suites = [name for name in benchmark.suites if tree.cells(scale, name)]
    if not suites:
        raise UserError(f"{root}: no released cells there")
    frame = tidy.collect(benchmark, root, suites)
    found = claims.judge(benchmark, points.collect(Sheet(benchmark, root, frame, suites)), suites)
    return benchmark, verdict_table.table(benchmark, frame, found).numbers
