"""No result is typed: what looks like one in a page stands between comments that `atbench readme` fills, or is allowed.

What stands between the comments is held to the released records by test_prose.py and test_readme_numbers.py.
"""

import re

import pages
import pytest
from checkout import REPOSITORY

from atbench.report import quoted

README, RESULTS = REPOSITORY / "README.md", REPOSITORY / "docs/results.md"
EVIDENCE = REPOSITORY / "results/released/evidence.md"
SCANNED = [page for page in pages.DOCS if page.name not in pages.GENERATED and "reference" not in page.parts]
SCANNED += [README, EVIDENCE]
OF_RESULTS = (RESULTS, EVIDENCE)  # here a decimal is a result, and so is a count of cells, points or verdicts
BLOCK = re.compile(r"<!-- ([\w-]+)\b[^>]*: written by `[^`]+` -->.*?<!-- end of \1 -->", re.S)
LIKE_A_RESULT = (
    r"\d[\d.,]*\s?%",
    r"± ?\d[\d.,]*",
    r"\bp ?[=<≤] ?0?\.\d+",
    r"\bp 0?\.\d+",
    r"\b(?:FD|FID|KID)(?:-[\w-]+)? (?:of )?\d[\d.,]*\d",
    r"\d+\.\d+ times",
)
DECIMAL = (r"\d+\.\d+(?:e-?\d+)?", r"\b\d+ of (?:the )?\d+\b")
ALLOWED = {  # what is meant, in words -> why it is no result; in any page
    r"95 %": "the level of the intervals",
    r"80 % power": "the power that a detectable gain is stated for",
}
ALLOWED_IN = {  # page -> the same
    "protocol.md": {r"30 % of the signal is still there": "of the cosine schedule at t = 800, by arithmetic"},
    "evidence.md": {
        r"a step of 0\.006 per dimension": "a setting: the step that the tuning search found",
        r"ball of 0\.1 nats": "a setting: experiments/mixture.yaml",
        r"a radius of 0\.01 per\s+dimension": "a setting: experiments/mixture.yaml",
    },
}


def own(text: str) -> str:
    """A page without what a command writes into it, without code and addresses."""
    text = quoted.QUOTED.sub("quoted", BLOCK.sub("", text))
    text = re.sub(r"^( *)```.*?^\1```$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|^    .*$", "", text, flags=re.M)


def typed(text: str, patterns: tuple[str, ...]) -> list[str]:
    """What looks like a result, with what stands around it."""
    found = (match for pattern in patterns for match in re.finditer(pattern, text))
    return [text[max(0, match.start() - 30) : match.end() + 20].replace("\n", " ") for match in found]


@pytest.mark.parametrize("page", SCANNED, ids=lambda page: page.name)
def test_no_result_is_typed(page):
    text = own(page.read_text(encoding="utf-8"))
    for allowed in (*ALLOWED, *ALLOWED_IN.get(page.name, ())):
        text = re.sub(allowed, "allowed", text)
    assert typed(text, LIKE_A_RESULT + (DECIMAL if page in OF_RESULTS else ())) == []


def test_every_exception_is_needed_and_says_why():
    texts = {page.name: own(page.read_text(encoding="utf-8")) for page in SCANNED}
    unused = [words for words in ALLOWED if not any(re.search(words, text) for text in texts.values())]
    unused += [words for name, some in ALLOWED_IN.items() for words in some if not re.search(words, texts[name])]
    assert unused == []
    assert all(ALLOWED.values()) and all(reason for some in ALLOWED_IN.values() for reason in some.values())


@pytest.mark.parametrize(
    "sentence",
    [
        "It gains 12 % there.",
        "It gains 12\N{NO-BREAK SPACE}% there.",
        "It stands at 0.44 ± 0.06.",
        "It is better (p = 0.03).",
        "It is better, p 0.004.",
        "Its FD-digits of 1.92 is low.",
        "It has FID 6.60.",
        "A batch takes 2.95 times as long.",
    ],
)
def test_a_typed_result_is_seen(sentence):
    assert len(typed(own(f"So. {sentence} And more."), LIKE_A_RESULT)) >= 1


def test_a_typed_decimal_or_count_of_a_page_of_results_is_seen_and_a_quoted_one_is_not():
    assert len(typed(own("From 3.26 to 2.44 in 19 of 20 cells."), DECIMAL)) == 3
    assert typed(own(f"From <!-- scratch at laptop: nfe=5; mean .2f -->3.26{quoted.END} on."), DECIMAL) == []
    block = "<!-- verdicts on a in b at c: written by `atbench readme` -->\n\n+12 %\n\n<!-- end of verdicts -->"
    assert typed(own(block), LIKE_A_RESULT) == [] and typed(own(block.replace("end", "and")), LIKE_A_RESULT) != []
    assert typed(own("```sh\nx 0.5\n```\nand `1.5` in\n\n    y 2.5\n"), DECIMAL) == []
