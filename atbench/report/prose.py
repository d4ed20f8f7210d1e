"""Numbers in pages of prose, written from the released records: in blocks between two comments, and within sentences.

The first comment of a block says what it is. `verdicts on CLAIM in SUITE at SCALE` is a table with the words and
numbers of the scale's table of claims, so no page can say more than it, or go on saying what it no longer says;
`variances in SUITE at SCALE` is what perturbations do to the learned variance; `paper claims` sums up the verdicts on
the paper's claims; `second-hand numbers` are those of experiments/paper.
Within sentences see `atbench.report.quoted`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from atbench.judgement import claims, points
from atbench.report import paper_claims, quoted, released_frames, second_hand, verdict_table
from atbench.report.render import MARKDOWN, markdown, write_text
from atbench.runtime.errors import UserError
from atbench.spec.address import RELEASED
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import load
from atbench.spec.models.evidence import BUDGETS

PAGES = (
    Path("docs/results.md"),
    Path(RELEASED, "evidence.md"),
    Path("docs/paper-map.md"),
    Path("docs/data-and-features.md"),
    Path("docs/running.md"),
    Path("docs/scales.md"),
)
BEGIN = re.compile(r"<!-- ((verdicts|variances|paper|second-hand)[a-z0-9 -]*): written by `atbench readme` -->")
END = "<!-- end of {} -->"  # with the first word of the block's name
VARIED = ("adm", "at-mid", "at-random", "at-opposite", "at-whole", "at-large", "at-huge")  # methods of `variances`
STEPS, LEVEL = 10, 500  # evaluations and timestep that `variances` shows


def write(root: Path) -> list[Path]:
    """Bring the numbers of PAGES below ``root`` in step with the released records; returns their paths."""
    return [write_text(root / page, replaced(page, (root / page).read_text(encoding="utf-8"))) for page in PAGES]


def replaced(page: Path, text: str, made: "Callable[[str], str] | None" = None) -> str:
    """``text`` with every block made anew, by its name with `block` or ``made``, and every number within sentences.

    Raises UserError for a block that has no end, and for what no record says.
    """
    done, rest = "", text
    while found := BEGIN.search(rest):
        before, after = rest[: found.end()], rest[found.end() :]
        end = END.format(found.group(2))
        old, closed, after = after.partition(end)
        if not closed or BEGIN.search(old):
            raise UserError(f"{page}: {found.group()}: needs a line {end} below it")
        done, rest = f"{done}{before}\n\n{(made or block)(found.group(1))}\n\n{end}", after
    return quoted.replaced(page, done + rest)


def block(name: str) -> str:
    """The Markdown of a block. Raises UserError for a name of none, and for one that the records do not have."""
    for pattern, make in BLOCKS.items():
        if found := re.fullmatch(pattern, name):
            return make(*found.groups())
    raise UserError(f"{name!r} is no block; wanted: {', '.join(BLOCKS)}")


def verdicts(claim: str, suite: str, scale: str) -> str:
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


def variances(suite: str, scale: str) -> str:
    """Distances by samplers with the learned, a fixed and no variance, and two errors on held-out images, by method."""
    benchmark = released_frames.sheet(scale).benchmark
    samplers = ("iddpm", "ddpm", "ddim")
    heads = [f"{benchmark.samplers[name].label}, {STEPS} steps" for name in samplers]
    heads += [f"eps-MSE, t = {LEVEL}", f"variance, t = {LEVEL}"]
    lines = [f"| fine-tuned with | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for method in VARIED:
        queries = [f"{suite} at {scale}: method={method} sampler={name} nfe={STEPS}; mean .2f" for name in samplers]
        measured = f"heldout-means at {scale}: suite={suite} method={method} t={LEVEL}"
        queries += [f"{measured}; eps_mse .3f", f"{measured}; variance .2f"]
        lines.append(f"| {benchmark.methods[method].label} | {' | '.join(map(quoted.said, queries))} |")
    return "\n".join(lines)


def second_hand_numbers() -> str:
    """The table of second-hand numbers with its footnotes; of ours there are none at its scale."""
    made = second_hand.table(load("paper"))
    caption = "\n".join([second_hand.SAID, "", *(f"- {note}" for note in second_hand.footnotes(made.numbers))])
    return markdown(replace(made, caption=caption)).rstrip("\n")


@cache
def judged(scale: str) -> tuple[Benchmark, pd.DataFrame]:
    """The verdicts of a released scale, as its table of claims has them."""
    sheet = released_frames.sheet(scale)
    found = claims.judge(sheet.benchmark, points.collect(sheet), sheet.suites)
    return sheet.benchmark, verdict_table.table(sheet.benchmark, sheet.frame, found).numbers


BLOCKS: dict[str, Callable[..., str]] = {
    "verdicts on ([a-z0-9-]+) in ([a-z0-9-]+) at ([a-z0-9-]+)": verdicts,
    "variances in ([a-z0-9-]+) at ([a-z0-9-]+)": variances,
    "paper claims": lambda: paper_claims.table(judged(paper_claims.SCALE)[1]),
    "second-hand numbers": second_hand_numbers,
}
