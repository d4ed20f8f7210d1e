"""Second-hand numbers: checked as they are read, shown with their caveats, and no part of any verdict."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from checkout import REPOSITORY

from atbench.judgement import claims, published
from atbench.reading import tidy
from atbench.report import headline, prose, readme, render, second_hand, verdict_table
from atbench.report.outputs import verdict_pages
from atbench.runtime.errors import UserError
from atbench.spec import yaml
from atbench.spec.load import load

BENCHMARK, SUITES = load("paper"), ["scratch", "class-conditional"]
HEAD = ",".join(second_hand.KEYS) + "\n"
ROW = "scratch,at,ddim,20,fd,8,50000,unknown,a table,made up\n"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Every declared cell of five seeds, AT a tenth ahead but for noise."""
    frame = pd.DataFrame([cell.address.axes for cell in tidy.declared_cells(BENCHMARK, SUITES, list(range(5)))])
    noise = 1 + 0.01 * np.random.default_rng(0).standard_normal(len(frame))
    frame = frame.assign(status="done", off_grid=False, reference=50_000)
    fd = (1 + 1 / frame.nfe) * (1 - 0.1 * (frame.method == "at")) * noise
    return frame.assign(fd=fd, fd_heldout=fd, **dict.fromkeys(("is", "precision", "recall"), 0.5))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """experiments/paper of a copy of the experiment files, which the package reads."""
    shutil.copytree(yaml.EXPERIMENTS, tmp_path / "experiments")
    monkeypatch.setattr(yaml, "EXPERIMENTS", tmp_path / "experiments")
    return tmp_path / "experiments/paper"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("suite,method\n", "columns are suite, method; wanted: suite, method, sampler"),
        (HEAD + ROW.replace("scratch", "scrach"), "line 2: unknown suite 'scrach'"),
        (HEAD + ROW + ROW.replace("ddim", "ddmi"), "line 3: unknown sampler 'ddmi'"),
        (HEAD + ROW.replace("at,", "att,"), "line 2: unknown method 'att'"),
        (HEAD + ROW.replace(",8,", ",-8,"), "line 2: a published number needs a positive value"),
        (HEAD + ROW.replace(",8,", ",eight,"), "line 2: nfe, value: could not convert"),
        (HEAD + ROW.replace("50000", "many"), "line 2: images: 'many' is no number of images"),
        (HEAD + ROW.replace("50000", "0"), "line 2: images: '0' is no number of images"),
        (HEAD + ROW.replace("unknown", " "), "line 2: extractor: a second-hand number needs one"),
        (HEAD + ROW.replace("a table", ""), "line 2: source: a second-hand number needs one"),
        (HEAD + ROW.replace("made up", ""), "line 2: caveat: a second-hand number needs one"),
        (HEAD + ROW + ROW.replace(",8,", ",9,"), "scratch at ddim 20 fd a table: given twice"),
    ],
)
def test_a_bad_line_is_refused_by_file_line_and_key(folder, text, named):
    (folder / published.SECOND_HAND).write_text(text)
    with pytest.raises(UserError, match=rf"(second-hand\.csv|experiments/paper): .*{re.escape(named.split(': ')[-1])}"):
        second_hand.second_hand(BENCHMARK)
    with pytest.raises(UserError, match=re.escape(named)):
        second_hand.second_hand(BENCHMARK)


def test_two_sources_may_report_the_same_point_and_no_file_is_no_number(folder):
    (folder / published.SECOND_HAND).write_text(HEAD + ROW + ROW.replace("a table", "another"))
    assert len(second_hand.second_hand(BENCHMARK)) == 2
    (folder / published.SECOND_HAND).unlink()
    assert second_hand.second_hand(BENCHMARK).empty


def judged(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    verdicts = claims.judge(BENCHMARK, frame, SUITES)
    table = verdict_table.table(BENCHMARK, frame, verdicts)
    return verdicts, table.numbers, render.markdown(table)


def test_no_verdict_margin_or_gain_of_the_paper_depends_on_them(frame, folder):
    file = folder / published.SECOND_HAND
    with_them = judged(frame)
    assert {"supported"} <= set(with_them[0].verdict) and with_them[1].paper.notna().any()
    samplers, nfes = ("iddpm", "ddim", "es", "dpm-solver"), (5, 8, 10, 20, 50)
    wild = [
        f"{suite},{method},{sampler},{nfe},fd,{value},1,x,wild,x\n"
        for suite in SUITES
        for sampler in samplers
        for nfe in nfes
        for method, value in (("adm", 1), ("at", 99), ("ip", 50))
    ]
    file.write_text(HEAD + "".join(wild))
    assert len(second_hand.second_hand(BENCHMARK)) == len(wild)
    wildly = judged(frame)
    file.unlink()
    without = judged(frame)
    for other in (wildly, without):
        pd.testing.assert_frame_equal(with_them[0], other[0])
        pd.testing.assert_frame_equal(with_them[1], other[1])
        assert with_them[2] == other[2]


def test_the_verdicts_of_the_readme_do_not_depend_on_them(folder, monkeypatch):
    """Of the released records."""
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(prose, "judged", prose.judged.__wrapped__)  # what other tests have judged is kept
    wild = ROW.replace(",8,", ",0.001,") + ROW.replace("at,ddim", "adm,ddim").replace(",8,", ",999,")
    (folder / published.SECOND_HAND).write_text(HEAD + wild)
    assert headline.text(readme.verdicts()) in (REPOSITORY / "README.md").read_text()


def test_what_judges_knows_nothing_of_them():
    sources = {path: path.read_text() for path in (REPOSITORY / "atbench/judgement").glob("*.py")}
    assert [path.name for path, text in sources.items() if "second_hand" in text] == []
    assert [path.name for path, text in sources.items() if "SECOND_HAND" in text] == ["published.py"]


def test_the_table_marks_them_and_its_footnotes_have_every_source_and_caveat():
    text = render.markdown(second_hand.table(BENCHMARK))
    committed = second_hand.second_hand(BENCHMARK)
    assert {"arXiv 2604.16044", "forever208/ADM-ES@54ad3ad"} <= {re.split(",", s)[0] for s in committed.source}
    for row in committed.itertuples():
        assert f"{row.value:.2f}" in text and row.source in text and row.caveat in text
        assert f"{row.images:,} images; extractor: {row.extractor}" in text
    assert re.search(r"IDDPM +\| ADM, second-hand \[1\] +\| +22\.62 \| +10\.52 \| +4\.55", text)
    assert re.search(r"\| ADM-AT, second-hand \[1\] +\| +15\.88 \| +6\.60 \| +3\.34", text)
    assert re.search(r"\| ADM-AT, the paper itself +\| +— \| +6\.60 \| +— ", text)
    rows = [line for line in text.splitlines() if line.startswith("| ") and "NFE 10" not in line]
    assert len(rows) > 10 and all(re.search(r"second-hand \[\d\]|the paper itself", row) for row in rows)


def test_our_own_cells_stand_beside_them(frame):
    numbers = second_hand.table(BENCHMARK, frame).numbers
    here = numbers[numbers.kind == second_hand.HERE]
    point = (frame.suite == "scratch") & (frame.method == "at") & (frame.sampler == "iddpm") & (frame.nfe == 20)
    point &= frame.step == "final"
    found = here[(here.suite == "scratch") & (here.method == "at") & (here.sampler == "iddpm") & (here.nfe == 20)]
    assert found.value.item() == pytest.approx(frame[point].fd.mean()) and set(here.nfe) <= {10, 20, 50, 100}


@pytest.mark.parametrize(("scale", "has"), [("paper", True), ("gpu", True), ("gpu-hour", False), ("laptop", False)])
def test_only_scales_whose_distance_is_fid_on_cifar_10_have_the_table(scale, has):
    assert ("tables/second-hand.md" in verdict_pages(load(scale), ["scratch"])) == has
