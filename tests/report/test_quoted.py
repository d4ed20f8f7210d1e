"""Numbers within sentences: what a comment asks for, in which words, and what is refused."""

from pathlib import Path

import pandas as pd
import pytest

from atbench.report import quoted
from atbench.report.render import MINUS
from atbench.runtime.errors import UserError

PAGE = Path("docs/page.md")
END = quoted.END
MEANS = pd.DataFrame(
    [
        ("ddim", 5, "adm", 2.0, 0.25, 0.5),
        ("ddim", 5, "at", 1.234, 0.05, 0.5),
        ("ddim", 10, "adm", 1.0, 0.1, 0.5),
        ("ddim", 10, "at", 1.5, float("nan"), 0.5),
    ],
    columns=["sampler", "nfe", "method", "mean", "std", "floor"],
)
VERDICTS = pd.DataFrame(
    {
        "claim": ["a", "a", "b c", "b c"],
        "verdict": ["inconclusive", "not supported", "no results", "supported"],
        "gain": [-0.0123, 0.2, float("nan"), 0.3],
    }
)


@pytest.fixture(autouse=True)
def tables(monkeypatch):
    """Two made-up tables in the place of those of released scales."""
    found = {("means", "here"): MEANS, ("claims", None): VERDICTS}

    def frame(table, scale):
        if (table, scale) not in found:
            raise UserError(f"no table {table}")
        return found[table, scale]

    monkeypatch.setattr(quoted, "frame", frame)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("means at here: method=at nfe=5", "1.23 ± 0.05"),
        ("means at here: method=at nfe=10", "1.50"),
        ("means at here: method=adm; mean .1f", "1.0 to 2.0"),
        ("means at here: method=adm nfe=5; mean .1f", "2.0"),
        ("means at here: method=adm; mean/floor .0f", "2 to 4"),
        ("means at here: method=adm,at nfe=5; mean each .1f", "2.0, 1.2"),
        ("means at here: method=adm; std/mean .1%", "10.0 to 12.5 %"),
        ("means at here: ; mean at most 1.5", "3 of 4"),
        ("means at here: ; lead at adm", "1 of 2"),
        ("claims: claim=a; gain gain", f"{MINUS}1.2 to +20 %"),
        ("claims: claim=a; gain each +.0%", f"{MINUS}1, +20 %"),
        ("claims: ; verdicts", "of 3 verdicts 1 is supported, 1 not supported, 1 inconclusive"),
        ("claims: claim=a; verdicts", "of 2 verdicts none is supported, 1 not supported, 1 inconclusive"),
        ("claims: claim='b c' verdict=supported; gain gain", "+30 %"),
    ],
)
def test_a_query_is_answered_in_words(query, words):
    assert quoted.said(query) == words
    assert quoted.replaced(PAGE, f"so <!-- {query} -->old{END}.") == f"so <!-- {query} -->{words}{END}."


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (
            f"a <!-- means at nowhere: method=at; mean .1f -->1{END}",
            "docs/page.md: <!-- means at nowhere.*no table means",
        ),
        (f"a <!-- means at here: method=ip; mean .1f -->1{END}", "no row of the table fits"),
        (f"a <!-- means at here: methd=at; mean .1f -->1{END}", "methd"),
        (f"a <!-- means at here: method=at; men .1f -->1{END}", "men"),
        (f"a <!-- means at here: method=at; mean .1x -->1{END}", "docs/page.md.*format"),
        (f"a <!-- means at here: method=at -->1{END}", "2 rows of the table fit; one mean is wanted"),
        (f"a\n  <!-- means at here: method=at nfe=5 -->1{END}", "begins a line"),
        ("a <!-- means at here: method=at nfe=5 -->1", "1 numbers are quoted, 0 comments .* end one, 0 are whole"),
        (f"a 1{END}", "0 numbers are quoted, 1 comments .* end one"),
        (f"a <!-- means at here: nfe=5 -->1 <!-- means at here: nfe=5 -->2{END} {END}", "2 comments .* end one, 1 are"),
    ],
)
def test_what_has_no_answer_or_no_end_is_refused_by_page_and_comment(text, named):
    with pytest.raises(UserError, match=named):
        quoted.replaced(PAGE, text)
