"""The README's own numbers: blocks that follow from released records, and words that say no more than the verdicts."""

import re
from pathlib import Path

import pandas as pd
import pytest
from checkout import REPOSITORY

from atbench.report import quoted, readme
from atbench.report.render import MINUS
from atbench.runtime.errors import UserError

README = (REPOSITORY / "README.md").read_text()


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    return readme.verdicts()


def test_the_readme_says_what_the_released_records_say(numbers):
    made = quoted.replaced(Path("README.md"), readme.replaced(README, readme.blocks(numbers)))
    assert made == README, "run `atbench readme`"


def test_the_picture_has_the_numbers_of_the_released_records(numbers):
    assert readme.said(numbers) in (REPOSITORY / readme.PICTURE).read_text(), "run `atbench readme`"


def test_the_released_verdicts_are_those_of_the_table(numbers):
    released = pd.read_csv(REPOSITORY / "results/released" / readme.SCALE / "tables/claims.csv")
    keys = ["claim", "suite", "samplers", "budget"]
    beside = numbers.merge(released, on=keys, suffixes=("", "_released"))
    assert len(beside) == len(released) and (beside.verdict == beside.verdict_released).all()
    assert (beside.gain - beside.gain_released).abs().max() < 1e-6


def test_the_table_has_six_rows_and_a_verdict_for_both_budgets(numbers):
    rows = readme.table(numbers).splitlines()[2:]
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
    assert readme._entry(made) == entry


def test_a_single_comparison_has_its_interval():
    assert readme._entry(comparisons("inconclusive")) == f"inconclusive: +0.0 % [{MINUS}50, +50]"
    assert readme._entry(comparisons("inconclusive", "inconclusive")) == "inconclusive, both: +0.0 to +10 %"


def test_a_claim_that_was_not_judged_is_refused(numbers):
    with pytest.raises(UserError, match="no verdict on the claim 'few-steps' with the suite 'consistency'"):
        readme._of(numbers, (("few-steps", "consistency"),))


@pytest.mark.parametrize("text", ["", "<!-- cost: written by `atbench readme` -->", "<!-- end of cost -->"])
def test_a_readme_without_the_comments_of_a_block_is_refused(text):
    with pytest.raises(UserError, match=r"README\.md: needs a line"):
        readme.replaced(text, {"cost": "much"})


def test_only_the_block_is_replaced():
    text = "a\n<!-- cost: written by `atbench readme` -->\nold\n<!-- end of cost -->\nb"
    made = readme.replaced(text, {"cost": "new"})
    assert made == "a\n<!-- cost: written by `atbench readme` -->\n\nnew\n\n<!-- end of cost -->\nb"
    assert readme.replaced(made, {"cost": "new"}) == made
