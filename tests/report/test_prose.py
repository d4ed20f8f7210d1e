"""Prose: blocks and numbers that follow from the released records, and no p value typed beside them."""

import re
from pathlib import Path

import pytest
from checkout import REPOSITORY

from atbench.report import prose, quoted
from atbench.runtime.errors import UserError

TEXTS = {page: (REPOSITORY / page).read_text(encoding="utf-8") for page in prose.PAGES}
BEGIN = "<!-- verdicts on few-steps in scratch at workstation: written by `atbench readme` -->"
END = prose.END.format("verdicts")
PAGE = Path("docs/results.md")


@pytest.mark.parametrize("page", prose.PAGES, ids=str)
def test_a_page_says_what_the_released_records_say(page, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    assert len(prose.BEGIN.findall(TEXTS[page])) + len(quoted.QUOTED.findall(TEXTS[page])) >= 3
    assert prose.replaced(page, TEXTS[page]) == TEXTS[page], "run `atbench readme`"


@pytest.mark.parametrize("page", prose.PAGES, ids=str)
def test_no_p_value_stands_outside_the_blocks(page):
    """Two were once typed there that were of an earlier correction."""
    own = re.sub(rf"{prose.BEGIN.pattern}.*?<!-- end of \2 -->", "", TEXTS[page], flags=re.S)
    assert prose.BEGIN.search(own) is None
    assert re.findall(r"\bp [=<] ?0\.\d+|\bp 0\.\d+", own) == []


def test_a_block_has_a_row_per_sampler_and_the_words_of_the_verdict(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    head, _, *rows = prose.block("verdicts on few-steps in scratch at workstation").splitlines()
    assert "equal batches | equal updates" in head and len(rows) == 4
    table = (REPOSITORY / "results/released/workstation/tables/claims.md").read_text()
    for row in rows:
        verdict = row.split("|")[2].strip().replace("\N{NO-BREAK SPACE}%", " %")
        assert verdict in table


def test_a_block_of_no_verdict_and_one_without_an_end_are_refused(monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(UserError, match="no verdict on the claim 'few-steps' with the suite 'consistency'"):
        prose.block("verdicts on few-steps in consistency at workstation")
    with pytest.raises(UserError, match=r"results\.md: <!-- verdicts on few-steps .*needs a line"):
        prose.replaced(PAGE, f"a\n{BEGIN}\nb")
    with pytest.raises(UserError, match="needs a line"):
        prose.replaced(PAGE, f"{BEGIN}\n{BEGIN}\n{END}")
    with pytest.raises(UserError, match="'verdicts of all' is no block; wanted: verdicts on"):
        prose.block("verdicts of all")


def test_only_the_blocks_are_replaced():
    text = f"a\n{BEGIN}\nold\n{END}\nb\n{BEGIN}\n{END}\nc"
    made = prose.replaced(PAGE, text, lambda name: f"made of {name}")
    new = f"{BEGIN}\n\nmade of verdicts on few-steps in scratch at workstation\n\n{END}"
    assert made == f"a\n{new}\nb\n{new}\nc"
