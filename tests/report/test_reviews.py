"""The page of the reviewers' questions, and the paper's published numbers beside the verdicts."""

import math
import re
import shutil
from pathlib import Path
from posixpath import normpath

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from atbench.judgement import claims, paired, published
from atbench.reading import tidy
from atbench.reading.sheet import Sheet
from atbench.report import render, reviews, verdict_table
from atbench.report.outputs import artefacts, outputs
from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.load import load
from atbench.spec.probes import probes

BENCHMARK = load("laptop-1")
SUITES = ["scratch", "finetune"]
HEAD = "suite,method,sampler,nfe,metric,value,source\n"


@pytest.fixture
def frame():
    """Every declared cell of two seeds, AT a tenth ahead; inception scores and the like in half of them."""
    frame = pd.DataFrame([cell.address.axes for cell in tidy.declared_cells(BENCHMARK, SUITES)])
    frame = frame.assign(status="done", off_grid=False, reference=1000)
    frame["fd"] = (1 + 1 / frame.nfe) * (1 - 0.1 * (frame.method == "at"))
    return frame.assign(**dict.fromkeys(("is", "precision"), 0.5), recall=(0.5 + 0 * frame.fd).where(frame.seed == 0))


@pytest.fixture
def paper(tmp_path, monkeypatch):
    """Writes made-up published numbers where the package looks for real ones."""
    shutil.copy(yaml.EXPERIMENTS / "config.yaml", tmp_path)
    monkeypatch.setattr(yaml, "EXPERIMENTS", tmp_path)
    (tmp_path / "paper").mkdir()
    return lambda text: (tmp_path / "paper/table.csv").write_text(text)


def page(frame, root=Path("nothing-is-here"), suites=SUITES):
    sheet = Sheet(BENCHMARK, root, frame, suites)
    return reviews.page(sheet, claims.judge(BENCHMARK, frame, suites), artefacts(BENCHMARK, suites))


def verdicts(frame):
    return verdict_table.table(BENCHMARK, frame, claims.judge(BENCHMARK, frame, SUITES))


def rows(page):
    """Question -> (answer, files)."""
    lines = [line.strip("| \n").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {asked.strip(): (answer.strip(), shown.strip()) for asked, answer, shown in lines[1:]}


def test_every_question_has_one_sentence_and_existing_files(frame):
    found = rows(page(frame))
    assert list(found) == [question.asked for question in BENCHMARK.questions]
    made = outputs(BENCHMARK, SUITES)
    for answer, shown in found.values():
        assert answer.endswith(".")
        for link in re.findall(r"\]\(([^)]+)\)", shown):
            assert normpath(f"tables/{link}") in made


def test_answers_come_from_the_verdicts_and_the_cells(frame):
    text = " ".join(answer for answer, _ in rows(page(frame)).values())
    assert "From 2 seeds, few steps at equal batches: 8 inconclusive (mean gain positive in 8 of 8)" in text
    assert "many steps at equal updates: 2 inconclusive" in text
    more = "`snakemake --cores all ablations --config scale=laptop-1`"
    assert f"No results: suite ablations is not part of this report ({more})." in text
    assert text.count(f"No results: {more} makes them.") == 2  # norms, sizes
    assert "No results: `snakemake --cores all cost --config scale=laptop-1` measures it." in text
    half, whole = len(frame) // 2, len(frame)
    assert f"Inception score, precision, recall stand in {half} of {whole} finished cells" in text
    assert "; sFID: needs inception-2015, not digits-cnn." in text and "Trained from scratch; Fine-tuned" in text


GAINS = {"at-mid": 0.1, "at-l1": 0.3, "at-linf": -0.2}  # as log ratios


def ablated(seeds):
    """The ablations with known gains: those of the view `norm` spread by a tenth from seed to seed."""
    frame = pd.DataFrame([c.address.axes for c in tidy.declared_cells(BENCHMARK, ["ablations"], list(range(seeds)))])
    gain = frame.method.map(GAINS).fillna(0) * (1 + 0.1 * frame.seed)
    return frame.assign(status="done", off_grid=False, reference=1000, fd=(1 + 1 / frame.nfe) * np.exp(-gain)).assign(
        **dict.fromkeys(("is", "precision", "recall"), 0.5)
    )


def test_a_view_is_answered_by_its_best_and_worst_method_over_paired_seeds():
    frame = ablated(5)
    lost = (frame.seed == 4) & (frame.method == "at-l1") & (frame.nfe == 5) & (frame.sampler == "ddim")
    frame.loc[lost, ["status", "fd"]] = "missing", math.nan  # the whole seed is left out, for all methods
    [question] = [q.asked for q in BENCHMARK.questions if q.view == "ablations/norm"]
    answer, shown = rows(page(frame, suites=["ablations"]))[question]
    gains = paired.gains(BENCHMARK.suite("ablations").view("norm"), frame).set_index("method")
    logs = stats.ttest_1samp([0.3 * (1 + 0.1 * seed) for seed in range(4)], 0).confidence_interval(0.95)
    best = gains.loc["at-l1"]
    assert (best.n, best["mean"]) == (4, pytest.approx(1 - math.exp(-0.3 * 1.15)))
    assert (best.low, best.high) == pytest.approx((1 - math.exp(-logs.low), 1 - math.exp(-logs.high)))
    label = {name: BENCHMARK.methods[name].label for name in GAINS}
    assert (
        f"most, {label['at-l1']} +29 % [+25, +33] (equal batches); least, {label['at-linf']} {render.MINUS}26 %"
        in answer
    )
    assert (
        "From 4 seeds, paired gains over ADM" in answer
        and "mean over IDDPM, DDPM and DDIM at 5 to 20 evaluations" in answer
    )
    assert "not corrected for picking among 3; fewer than 5 seeds settle nothing." in answer
    assert shown == "[ablations-norm](ablations-norm.md), [ablations-norm](../figures/ablations-norm.png)"


def test_one_seed_of_a_view_has_no_interval_and_five_need_no_caution():
    one, five = (" ".join(a for a, _ in rows(page(ablated(n), suites=["ablations"])).values()) for n in (1, 5))
    assert "From 1 seed, paired gains over" in one and re.search(r"most, [^(]* \+26 % \(equal", one)
    assert "among 3." in five and "settle nothing" not in five


def test_cost_is_answered_by_ratios_to_adm(frame, tmp_path, monkeypatch):
    numbers = {"ratio": 2.951, "ratio_low": 2.9, "ratio_high": 3.1, "peak_ratio": 1.02, "ratio_update": 0.984}
    shown = pd.DataFrame([{"suite": "scratch", "method": "at"} | numbers])
    monkeypatch.setattr(type(probes()["cost"]), "numbers", lambda probe, sheet: shown)
    answer, files = rows(page(frame))[BENCHMARK.questions[-1].asked]
    assert (
        "takes 2.95 times as long as one of ADM (quartiles 2.90 to 3.10" in answer and "1.02 times its peak" in answer
    )
    assert "2.95 times as long at equal batches, 0.98 times at equal updates." in answer and files == "[cost](cost.md)"


def test_nothing_finished_is_said_so(frame):
    empty = frame.assign(status="missing", **dict.fromkeys(("fd", "is", "precision", "recall"), math.nan))
    text = page(empty)
    assert "No results yet." in text and "suite scratch has no complete seed" in text and "0 of 0 finished" in text


def test_published_numbers_stand_beside_the_verdicts(frame, paper):
    plain = verdicts(frame)
    assert "Paper" not in plain.text(render.MARKDOWN).columns and plain.numbers.paper.isna().all()
    paper(HEAD + "scratch,adm,ddim,20,fd,10,made up\nscratch,at,ddim,20,fd,8,made up\nscratch,at,ddim,50,fd,1,alone\n")
    table = verdicts(frame)
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


ROW = HEAD + "scratch,at,ddim,20,fd,8,Tabelle der Größe\n"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "not a readable table"),
        (ROW.encode("latin-1"), "not UTF-8 text"),
        (ROW.encode("utf-16"), "not UTF-8 text"),
        (HEAD.encode() + b'scratch,at,ddim,20,fd,8,"open\n', "not a readable table"),
        (ROW.encode() + b"scratch,at,ddim,50,fd,8,a,b\n", "not a readable table"),
    ],
)
def test_a_spreadsheet_that_cannot_be_read_is_named(paper, tmp_path, content, named):
    paper("")
    (tmp_path / "paper/table.csv").write_bytes(content)
    with pytest.raises(UserError, match=re.escape(f"table.csv: {named}")):
        published.published(BENCHMARK)


def test_a_spreadsheet_as_excel_writes_it_is_read(paper, tmp_path):
    paper("")
    (tmp_path / "paper/table.csv").write_bytes(ROW.replace("\n", "\r\n").encode("utf-8-sig"))
    (tmp_path / "paper/._table.csv").write_bytes(b"\x00\x05\x16\x07")
    assert published.published(BENCHMARK).source.tolist() == ["Tabelle der Größe"]


def test_committed_numbers_stand_in_the_words_that_they_are_taken_from():
    committed = published.published(BENCHMARK)
    assert len(committed) == 6 and set(committed.metric) == {"fd"} and set(committed.nfe) == {20}
    for row in committed.itertuples():
        name = {"adm": "ADM", "ip": "ADM-IP", "at": "ADM-AT"}[row.method]
        assert re.search(rf"\b{name} \(\w+, FID {row.value:.2f}\)", row.source), row
        assert f"We use the {row.sampler.upper()} sampler with {row.nfe} NFEs" in row.source


def test_committed_numbers_stand_beside_the_verdicts_once_with_their_source(frame):
    table = verdicts(frame)
    stated = table.numbers[table.numbers.paper.notna()].set_index(["claim", "suite", "samplers"]).paper
    assert stated["few-steps", "scratch", "iddpm"] == pytest.approx(1 - 6.60 / 10.58)
    assert stated["few-steps-conditional", "class-conditional", "iddpm ddim es dpm-solver"] == pytest.approx(
        1 - 6.20 / 8.32
    )
    text = table.text(render.MARKDOWN).loc[(slice(None), "Trained from scratch: IDDPM, NFE 5 to 20"), "Paper"].item()
    assert text.startswith("+38 % (arXiv 2502.17099, caption of Figure 4") and text.count("FID 10.58") == 1


def test_latex_of_phrases_breaks_across_pages(frame, paper):
    text = render.latex(verdicts(frame), "claims")
    assert r"\begin{longtable}{>{\raggedright" in text and r"\caption[]{(continued)}" in text
    assert text.count(r"(\linewidth-10\tabcolsep)/5") == 5 and text.startswith(r"% Needs \usepackage{array,booktabs")
    assert "multirow" not in text and text.count(r"\label{tab:claims}") == 1 and "Claim & Tested on &" in text
