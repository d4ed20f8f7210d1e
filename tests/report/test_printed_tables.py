"""Tables as a paper takes them: LaTeX compiles with the packages that it names, and no entry is left to pandas."""

import re
import shutil
import subprocess

import pandas as pd
import pytest
from checkout import REPOSITORY
from test_report import SEEDS, SUITE, make_tree

from atbench.judgement import paired as differences
from atbench.reading import tidy
from atbench.report import paired, render
from atbench.spec.load import load

TABLES = REPOSITORY / "results/released"
TEX = sorted(TABLES.glob("*/tables/*.tex"))
NEEDS = re.compile(r"% Needs \\usepackage\{([\w,]+)\}")


def compiled(folder, bodies: list[str]) -> str:
    """What pdflatex says of a document with ``bodies`` and the packages that they name; it stops at an error."""
    packages = sorted({name for body in bodies for name in NEEDS.match(body)[1].split(",")})
    page = "\n\\clearpage\n".join(bodies)
    preamble = f"\\documentclass{{article}}\n\\usepackage{{{','.join(packages)}}}\n"
    (folder / "all.tex").write_text(f"{preamble}\\begin{{document}}\n{page}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.fixture
def latex():
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed (Debian: texlive-latex-base, texlive-latex-recommended)")


def test_every_released_table_compiles_and_none_is_wider_than_its_line(latex, tmp_path):
    assert len(TEX) > 100
    assert "Overfull \\hbox" not in compiled(tmp_path, [path.read_text() for path in TEX])


def test_no_released_table_prints_what_is_not_a_number():
    for path in [*TEX, *TABLES.glob("*/tables/*.md")]:
        assert not re.search(r"\b(nan|NaN|None|inf|<NA>)\b", path.read_text()), path


def test_what_latex_reads_as_commands_is_printed_as_it_is(latex, tmp_path):
    odd = "a_b & 50 % #1 $x$ {y} <z> ^ ~ \\ ± −1 † —"  # noqa: RUF001
    index = pd.MultiIndex.from_tuples([(render.latex_text(odd), "A"), ("b", "B")], names=["Sampler", "Method"])
    for prose in (False, True):
        text = pd.DataFrame([[render.latex_text(odd)], ["1"]], index=index, columns=["NFE 5"])
        made = render.Table(pd.DataFrame(), lambda markup, text=text: text, odd, prose)
        compiled(tmp_path, [render.latex(made, "odd")])


def test_a_step_count_that_a_row_does_not_have_is_a_dash(tmp_path):
    benchmark = load("ci")
    root = make_tree(benchmark, tmp_path / "ci")
    for path in root.glob(f"{SUITE}/*/*/final/ddim-nfe5.json"):
        path.unlink()
    suite = benchmark.suite(SUITE)
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    frame = frame[(frame.sampler != "ddim") | (frame.nfe != 5)]  # as of a sampler whose grid begins later
    assert len(differences.differences(suite, frame))
    text = paired.table(suite, frame, root).text(render.MARKDOWN)
    assert set(text.loc["DDIM"]["NFE 5"]) == {"—"} and "—" not in set(text.loc["DDIM"]["NFE 10"])


def test_a_difference_between_unequal_budgets_is_never_bold(tmp_path):
    benchmark = load("ci")
    root = make_tree(benchmark, tmp_path / "ci")
    frame = tidy.collect(benchmark, root, [SUITE], SEEDS)
    text = paired.table(benchmark.suite(SUITE), frame, root).text(render.MARKDOWN)
    bold = text.apply(lambda column: column.str.contains("**", regex=False))
    marked = {name for (_, name), row in bold.iterrows() if row.any()}
    assert {name.rsplit("(", 1)[1] for name in marked} == {"equal updates)", "equal batches and updates)"}
    assert all(low > 0 or high < 0 for low, high in map(interval, text[bold].stack().dropna()))


def interval(entry: str) -> tuple[float, float]:
    low, high = re.search(r"\[(.*), (.*)\]", entry.replace(render.MINUS, "-")).groups()
    return float(low), float(high)
