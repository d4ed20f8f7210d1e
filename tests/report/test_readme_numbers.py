"""The README's own numbers: blocks that follow from released records, and words that say no more than the verdicts."""

from pathlib import Path

import pandas as pd
import pytest
from checkout import REPOSITORY

from atbench.report import headline, quoted, readme
from atbench.runtime.errors import UserError

README = (REPOSITORY / "README.md").read_text()


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    return readme.verdicts()


def test_the_readme_says_what_the_released_records_say(numbers):
    made = quoted.replaced(Path("README.md"), readme.replaced(README, readme.blocks(numbers)))
    assert made == README, "run `atbench readme`"


def test_the_picture_has_the_numbers_of_the_released_records(numbers):
    assert headline.in_numbers(numbers) in (REPOSITORY / readme.PICTURE).read_text(), "run `atbench readme`"


def test_the_released_verdicts_are_those_of_the_table(numbers):
    released = pd.read_csv(REPOSITORY / "results/released" / headline.SCALE / "tables/claims.csv")
    keys = ["claim", "suite", "samplers", "budget"]
    beside = numbers.merge(released, on=keys, suffixes=("", "_released"))
    assert len(beside) == len(released) and (beside.verdict == beside.verdict_released).all()
    assert (beside.gain - beside.gain_released).abs().max() < 1e-6


@pytest.mark.parametrize("text", ["", "<!-- cost: written by `atbench readme` -->", "<!-- end of cost -->"])
def test_a_readme_without_the_comments_of_a_block_is_refused(text):
    with pytest.raises(UserError, match=r"README\.md: needs a line"):
        readme.replaced(text, {"cost": "much"})


def test_only_the_block_is_replaced():
    text = "a\n<!-- cost: written by `atbench readme` -->\nold\n<!-- end of cost -->\nb"
    made = readme.replaced(text, {"cost": "new"})
    assert made == "a\n<!-- cost: written by `atbench readme` -->\n\nnew\n\n<!-- end of cost -->\nb"
    assert readme.replaced(made, {"cost": "new"}) == made
