"""The paper's claims in short, a row each: verdicts and gains under both budgets, the paper's own gain beside them."""

from typing import NamedTuple

import pandas as pd

from atbench.judgement.claims import REFUTED, SUPPORTED, VERDICTS
from atbench.report.verdict_table import amount, with_interval
from atbench.runtime.errors import UserError
from atbench.spec.address import RELEASED

SCALE = "workstation"  # the released scale of the paper's own suites with the seeds that a verdict takes
BUDGETS = ("batches", "updates")


class Row(NamedTuple):
    """A row of the table: what is claimed, and the comparisons of claims.yaml that it sums up."""

    words: str
    of: tuple[tuple[str, str], ...]  # claim, suite


ROWS = (
    Row("AT samples better in few steps: trained from scratch", (("few-steps", "scratch"),)),
    Row("the same, fine-tuned from one ADM", (("few-steps", "finetune"),)),
    Row("the same, class-conditional", (("few-steps-conditional", "class-conditional"),)),
    Row("AT does not slow convergence", (("convergence", "scratch"), ("convergence-finetune", "finetune"))),
    Row(
        "AT helps consistency models, plain and latent",
        (("consistency", "consistency"), ("latent-consistency", "latent-consistency")),
    ),
    Row("AT reduces the mismatch itself", (("mismatch", "scratch"), ("mismatch", "finetune"))),
)


def table(numbers: pd.DataFrame) -> str:
    """The table of ROWS: a verdict and gains for each budget, the paper's gain beside it."""
    lines = [
        "| claim of the paper, tried on digits | seeds | AT against equal batches | AT against equal updates | paper |",
        "|---|---|---|---|---|",
    ]
    for row in ROWS:
        chosen = _of(numbers, row.of)
        seeds = " or ".join(map(str, sorted(set(chosen.seeds))))
        entries = [_entry(chosen[chosen.budget == budget]) for budget in BUDGETS]
        stated = chosen.paper.dropna()
        paper = amount(stated.iloc[0], "relative") if len(stated) else "—"
        lines.append(f"| {row.words} | {seeds} | {entries[0]} | {entries[1]} | {paper} |")
    return "\n".join(lines).replace(" %", "\N{NO-BREAK SPACE}%")


def _of(numbers: pd.DataFrame, pairs: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    """The comparisons of claims and suites. Raises UserError for one that was not judged."""
    for claim, suite in pairs:
        if not ((numbers.claim == claim) & (numbers.suite == suite)).any():
            raise UserError(f"{RELEASED}/{SCALE}: no verdict on the claim {claim!r} with the suite {suite!r}")
    return numbers[[pair in pairs for pair in zip(numbers.claim, numbers.suite)]]


def _entry(rows: pd.DataFrame) -> str:
    """Verdicts of some comparisons under one budget, each with its gain, or the least and the greatest of several."""
    parts = []
    for verdict in VERDICTS:
        having = rows[rows.verdict == verdict]
        if len(having):
            words = f"**{verdict}**" if verdict in (SUPPORTED, REFUTED) else verdict
            parts.append(f"{words}{_share(len(having), len(rows))}{_gains(having)}")
    return "; ".join(parts) or "—"


def _share(having: int, of: int) -> str:
    if of == 1:
        return ""
    return f", all {of}" if having == of > 2 else ", both" if having == of else f", {having} of {of}"


def _gains(rows: pd.DataFrame) -> str:
    gains = rows.gain.dropna()
    if gains.empty:
        return ""
    unit = rows.unit.iloc[0]
    if len(rows) > 1:
        return f": {amount(gains.min(), unit, '')} to {amount(gains.max(), unit)}"
    only = rows.iloc[0]
    return f": {with_interval(only.gain, only.low, only.high, unit)}"
