"""The page of the reviewers' questions, and the paper's published numbers beside the verdicts."""

import math
import re
from posixpath import normpath

import pandas as pd
import pytest

from atbench import config, measures
from atbench.errors import UserError
from atbench.records import write_json
from atbench.report import published, render, reviews, tidy, verdict_table
from atbench.report.outputs import outputs

BENCHMARK = config.load("laptop")
SUITES = ["scratch", "finetune"]
NORMS, COST = "Which norm bounds the perturbation, l1, l2 or l-infinity?", BENCHMARK.questions[-1]["asked"]
HEAD = "suite,method,sampler,nfe,metric,value,source\n"


@pytest.fixture
def frame():
    """Every declared cell of two seeds, AT a tenth ahead; inception scores and the like in half of them."""
    frame = pd.DataFrame([cell.axes for cell in tidy.declared_cells(BENCHMARK, SUITES)])
    frame = frame.assign(status="done", off_grid=False)
    frame["fd"] = (1 + 1 / frame.nfe) * (1 - 0.1 * (frame.method == "at"))
    return frame.assign(**dict.fromkeys(("is", "precision"), 0.5), recall=(0.5 + 0 * frame.fd).where(frame.seed == 0))


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """Writes made-up published numbers where the package looks for real ones."""
    monkeypatch.setattr(config, "EXPERIMENTS", tmp_path)
    (tmp_path / "paper").mkdir()
    return lambda text: (tmp_path / "paper/table.csv").write_text(text)


def rows(page):
    """Question -> (answer, files)."""
    lines = [line.strip("| \n").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {asked.strip(): (answer.strip(), shown.strip()) for asked, answer, shown in lines[1:]}


def test_every_question_has_one_sentence_and_existing_files(frame, tmp_path):
    page = reviews.page(BENCHMARK, frame, tmp_path, SUITES)
    found = rows(page)
    assert list(found) == [question["asked"] for question in BENCHMARK.questions]
    made = outputs(BENCHMARK, SUITES)
    for answer, shown in found.values():
        assert answer.endswith(".")
        for link in re.findall(r"\]\(([^)]+)\)", shown):
            assert normpath(f"tables/{link}") in made


def test_answers_come_from_the_verdicts_and_the_cells(frame, tmp_path):
    text = " ".join(answer for answer, _ in rows(reviews.page(BENCHMARK, frame, tmp_path, SUITES)).values())
    assert "From 2 seeds, few steps at equal batches: 8 inconclusive (mean gain positive in 8 of 8)" in text
    assert "many steps at equal updates: 2 inconclusive" in text
    assert "No results: suite ablations is not part of this report." in text
    assert "No results: `snakemake --cores all cost` measures it." in text
    half, whole = len(frame) // 2, len(frame)
    assert f"Inception score, precision, recall stand in {half} of {whole} finished cells" in text
    assert "not recorded yet: sfid" in text and "Trained from scratch; Fine-tuned" in text


def test_a_view_is_answered_by_gains_over_its_first_method(frame, tmp_path):
    suites = ["ablations"]
    frame = pd.DataFrame([cell.axes for cell in tidy.declared_cells(BENCHMARK, suites)])
    frame["fd"] = 2.0 + (frame.method == "at-l1") - (frame.method == "at-linf")
    frame = frame.assign(status="done", off_grid=False, **dict.fromkeys(("is", "precision", "recall"), 0.5))
    frame.loc[(frame.method == "at-mid") & (frame.seed == 0) & (frame.nfe == 20), "status"] = "missing"
    answer, shown = rows(reviews.page(BENCHMARK, frame, tmp_path, suites))[NORMS]
    assert "over 1 seed of" in answer and "AT, l1 -50.0 ± 0.0; AT, l-infinity +50.0 ± 0.0." in answer
    assert "ablations-norm.png" in shown and "ablations-norm.md" in shown
    gone = frame.assign(status="missing")
    assert "no complete seed" in rows(reviews.page(BENCHMARK, gone, tmp_path, suites))[NORMS][0]


def test_cost_is_answered_by_ratios_to_adm(frame, tmp_path):
    row = {"batch_size": 64, "parameters": 9, "held_bytes": 60, "batch_bytes": 40, "updates": 1, "teacher_forward": 0}
    row |= {"target_forward": 0, "student_forward": 1, "backward": 1, "passes": 3, "suite": "scratch"}
    costly = row | {"method": "at", "seconds": [6.0, 9.0], "batch_bytes": 90, "updates": 3}
    content = {"rows": [row | {"method": "adm", "seconds": [2.0, 3.0]}, costly], "settings": {}, "provenance": {}}
    write_json(tmp_path / "cost.json", content | {"config": {"cost": measures.cost_digest(BENCHMARK)}})
    answer, shown = rows(reviews.page(BENCHMARK, frame, tmp_path, SUITES))[COST]
    assert answer == "A batch of ADM is 1; ADM-AT 3.00 x the time and 1.50 x the memory." and "cost.md" in shown


def test_nothing_finished_is_said_so(frame, tmp_path):
    empty = frame.assign(status="missing", **dict.fromkeys(("fd", "is", "precision", "recall"), math.nan))
    text = reviews.page(BENCHMARK, empty, tmp_path, SUITES)
    assert "No results yet." in text and "suite scratch has no complete seed" in text and "0 of 0 finished" in text


def test_published_numbers_stand_beside_the_verdicts(frame, paper):
    plain = verdict_table.table(BENCHMARK, frame, SUITES)
    assert "Paper" not in plain.text(render.MARKDOWN).columns and plain.numbers.paper.isna().all()
    paper(HEAD + "scratch,adm,ddim,20,fd,10,made up\nscratch,at,ddim,20,fd,8,made up\nscratch,at,ddim,50,fd,1,alone\n")
    table = verdict_table.table(BENCHMARK, frame, SUITES)
    text = table.text(render.MARKDOWN)
    few = text.loc[(slice(None), "Trained from scratch: DDIM, NFE 5 to 20"), "Paper"]
    assert list(few) == ["+20 % (made up)"]
    row = table.numbers[table.numbers.paper.notna()].iloc[0]
    assert (row.paper, row.paper_cells) == (pytest.approx(0.2), 1) and row.budget == "batches"
    assert (text.Paper != "—").sum() == 2  # few steps with DDIM, and every sampler of the same suite


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("suite,method\n", "table.csv: columns"),
        (HEAD + "scrach,at,ddim,20,fd,8,x\n", "table.csv: line 2: unknown suite 'scrach'"),
        (HEAD + "scratch,at,ddim,20,fd,8,x\nscratch,at,ddmi,20,fd,8,x\n", "line 3: unknown sampler 'ddmi'"),
        (HEAD + "scratch,at,ddim,20,df,8,x\n", "unknown metric 'df'"),
        (HEAD + "scratch,at,ddim,20,fd,eight,x\n", "line 2"),
        (HEAD + "scratch,at,ddim,20,fd,-8,x\n", "positive value"),
        (HEAD + "scratch,at,ddim,20,fd,nan,x\n", "positive value"),
        (HEAD + "scratch,at,ddim,20,fd,8,\n", "a source"),
        (HEAD + "scratch,at,ddim,20,fd,8,x\nscratch,at,ddim,20,fd,9,y\n", "given twice"),
    ],
)
def test_published_numbers_are_checked(paper, text, named):
    paper(text)
    with pytest.raises(UserError, match=re.escape(named)):
        published.published(BENCHMARK)


def test_committed_numbers_stand_in_the_words_that_they_are_taken_from():
    committed = published.published(BENCHMARK)
    assert len(committed) == 6 and set(committed.metric) == {"fd"} and set(committed.nfe) == {20}
    for row in committed.itertuples():
        name = {"adm": "ADM", "ip": "ADM-IP", "at": "ADM-AT"}[row.method]
        assert re.search(rf"\b{name} \(\w+, FID {row.value:.2f}\)", row.source), row
        assert f"We use the {row.sampler.upper()} sampler with {row.nfe} NFEs" in row.source


def test_committed_numbers_stand_beside_the_verdicts_once_with_their_source(frame):
    table = verdict_table.table(BENCHMARK, frame, SUITES)
    stated = table.numbers[table.numbers.paper.notna()].set_index(["claim", "suite", "samplers"]).paper
    assert stated["few-steps", "scratch", "iddpm"] == pytest.approx(1 - 6.60 / 10.58)
    assert stated["few-steps-conditional", "class-conditional", "iddpm ddim es dpm-solver"] == pytest.approx(
        1 - 6.20 / 8.32
    )
    text = table.text(render.MARKDOWN).loc[(slice(None), "Trained from scratch: IDDPM, NFE 5 to 20"), "Paper"].item()
    assert text.startswith("+38 % (arXiv 2502.17099, caption of Figure 4") and text.count("FID 10.58") == 1


def test_latex_of_phrases_breaks_across_pages(frame, paper):
    text = render.latex(verdict_table.table(BENCHMARK, frame, SUITES), "claims")
    assert r"\begin{longtable}{p{3cm}p{3cm}p{3cm}p{3cm}p{3cm}}" in text and r"\caption[]{(continued)}" in text
    assert "multirow" not in text and text.count(r"\label{tab:claims}") == 1 and "Claim & Tested on &" in text
