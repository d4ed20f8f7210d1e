"""The paper's claims in short: every verdict counted, none hidden."""

import re

import pandas as pd
import pytest

from atbench.report import paper_claims, prose
from atbench.report.render import MINUS
from atbench.runtime.errors import UserError


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    return prose.judged(paper_claims.SCALE)[1]


def test_the_table_has_six_rows_and_a_verdict_for_both_budgets(numbers):
    rows = paper_claims.table(numbers).splitlines()[2:]
    assert len(rows) == 6
    for row in rows:
        _, _, _, batches, updates, _, _ = row.split("|")
        assert re.search("inconclusive|supported|no results", batches), row
        assert re.search("inconclusive|supported|no results", updates), row


def comparisons(*verdicts: str) -> pd.DataFrame:
    gains = [0.1 * place for place in range(len(verdicts))]
    made = pd.DataFrame({"verdict": verdicts, "gain": gains, "low": -0.5, "high": 0.5, "unit": "relative"})
    return made


def test_an_entry_counts_each_verdict_and_hides_none():
    made = comparisons("inconclusive", "supported", "inconclusive", "no results")
    made.loc[made.verdict == "no results", ["gain", "low", "high"]] = None
    entry = f"**supported**, 1 of 4: +10 % [{MINUS}50, +50]; inconclusive, 2 of 4: +0.0 to +20 %; no results, 1 of 4"
    assert paper_claims._entry(made) == entry


def test_a_single_comparison_has_its_interval():
    assert paper_claims._entry(comparisons("inconclusive")) == f"inconclusive: +0.0 % [{MINUS}50, +50]"
    assert paper_claims._entry(comparisons("inconclusive", "inconclusive")) == "inconclusive, both: +0.0 to +10 %"


def test_a_claim_that_was_not_judged_is_refused(numbers):
    with pytest.raises(UserError, match="no verdict on the claim 'few-steps' with the suite 'consistency'"):
        paper_claims._of(numbers, (("few-steps", "consistency"),))
