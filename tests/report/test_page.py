"""The page of a scale: the numbers of the Markdown tables, the records behind each, nothing from a network."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import altair as alt
import numpy as np
import pytest
from checkout import REPOSITORY
from matplotlib.image import imsave
from opened_page import OpenedPage
from test_report import SEEDS, SUITE, edit, make_stale, make_tree

from atbench import cli
from atbench.judgement import claims, points
from atbench.reading import packs, tidy
from atbench.reading.origins import cell_key
from atbench.reading.sheet import Sheet, with_results
from atbench.reading.tree import of_its_time
from atbench.report import paired, render, reviews, tables, verdict_table
from atbench.report.outputs import artefacts
from atbench.report.page import build as pages
from atbench.report.page.grids import LAST, order
from atbench.report.page.looks import PATHS
from atbench.report.style import MARKERS, NFE_MARKERS, looks
from atbench.runtime.errors import UserError
from atbench.spec.load import load
from atbench.spec.metrics import tabulated

REAL = {SUITE: np.random.default_rng(0).random((16, 8, 8))}


@pytest.fixture(scope="module")
def benchmark():
    return load("ci")


@pytest.fixture(scope="module")
def complete(tmp_path_factory, benchmark) -> Path:
    return make_tree(benchmark, tmp_path_factory.mktemp("complete") / "ci")


@pytest.fixture(scope="module")
def page(complete, benchmark) -> OpenedPage:
    return opened(benchmark, complete, complete.parent / "report.html", real=REAL)


@pytest.fixture(scope="module")
def sheet(complete, benchmark) -> Sheet:
    return Sheet(benchmark, complete, tidy.collect(benchmark, complete, [SUITE], SEEDS), [SUITE])


@pytest.fixture
def root(tmp_path, complete) -> Path:
    """The same results, free to damage."""
    return Path(shutil.copytree(complete, tmp_path / "ci"))


@pytest.fixture
def light(monkeypatch):
    """Pages without the scripts of others, which take a second each."""
    monkeypatch.setattr(pages.scripts, "vega", lambda: "")
    monkeypatch.setattr(pages.scripts, "tables", lambda: ("", ""))


def opened(benchmark, root: Path, path: Path, **options) -> OpenedPage:
    return OpenedPage(pages.build(benchmark, root, [SUITE], path, SEEDS, **options))


def markdown_rows(table: render.Table) -> list[list[str]]:
    """The rows of the Markdown file, without its emphasis; a block's name stands on each row."""
    text = render.markdown(table)
    rows = [[entry.strip() for entry in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"][
        2:
    ]
    for above, row in pairwise(rows):
        row[0] = row[0] or above[0]
    return [[entry.replace("**", "") for entry in row] for row in rows]


def test_the_tables_hold_the_entries_of_the_markdown_files(page, sheet):
    suite = sheet.suite(SUITE)
    assert len(tabulated(suite)) > 4
    for metric in tabulated(suite):
        assert page.body(f"{SUITE}-{metric}") == markdown_rows(tables.table(suite, sheet.frame, sheet.root, metric)), (
            metric
        )
    assert page.body(f"{SUITE}-paired") == markdown_rows(paired.table(suite, sheet.frame, sheet.root))


def test_bold_entries_are_those_of_the_markdown_files(page, sheet):
    bold = re.findall(r"\*\*(.+?)\*\*", render.markdown(tables.table(sheet.suite(SUITE), sheet.frame, sheet.root)))
    start = page.text.index(f'id="table-{SUITE}-fd"')
    assert bold and re.findall(r"<strong>(.+?)</strong>", page.text[start : page.text.index("</table>", start)]) == bold


def test_verdicts_say_what_the_verdict_table_says(page, sheet):
    judged = claims.judge(sheet.benchmark, points.collect(sheet), sheet.suites)
    text = render.markdown(verdict_table.table(sheet.benchmark, sheet.frame, judged))
    rows = page.body("verdicts")
    assert len(rows) == len(judged) and [row[3] for row in rows] == list(judged.verdict)
    gains = [re.match(r"\S+ %? ?(\[.*?\])?", row[4])[0].strip() for row in rows if row[3] != claims.NOTHING]
    assert len(gains) > 5
    assert [gain for gain in gains if gain not in text] == []
    for verdict, count in judged.verdict.value_counts().items():
        assert f"{count} {verdict}" in page.words


def test_answers_to_reviewers_are_those_of_the_markdown_file(page, sheet):
    judged = claims.judge(sheet.benchmark, points.collect(sheet), sheet.suites)
    answers = reviews.answers(sheet, judged, artefacts(sheet.benchmark, sheet.suites))
    assert answers
    for asked, answer, _ in answers:
        assert asked in page.words and answer.replace("`", "") in page.words


def test_figures_draw_the_numbers_of_the_tables(page, sheet):
    suite = sheet.suite(SUITE)
    drawn = {
        row["o"]: row
        for spec in page.data["charts"].values()
        for row in spec["datasets"]["rows"]
        if "±" in row["words"]
    }
    numbers = tables.table(suite, sheet.frame, sheet.root, tabulated(suite)[-1]).numbers.query("n > 0")
    assert len(numbers) > 20
    for row in numbers.itertuples():
        point = drawn[cell_key(SUITE, row.method, "final", row.sampler, row.nfe)]
        assert point["mean"] == row.mean and point["high"] - point["mean"] == pytest.approx(row.std)


def test_the_training_curve_is_the_mean_over_seeds_and_shows_each(page, sheet):
    curves = [spec for spec in page.data["charts"].values() if "points" in spec["datasets"]]
    assert len(curves) == 2 * len(sheet.suite(SUITE).curves.samplers)
    for spec in curves:
        for row in spec["datasets"]["rows"]:
            seeds = [
                point["y"] for point in spec["datasets"]["points"] if (point["m"], point["x"]) == (row["m"], row["x"])
            ]
            assert len(seeds) == len(SEEDS) and row["mean"] == pytest.approx(np.mean(seeds))


def test_a_method_has_one_colour_in_every_figure(page, sheet):
    suite = sheet.suite(SUITE)
    wanted = {suite.method(name).label: style.colour for name, style in looks(suite).items()}
    scales = re.findall(
        r'"color":\{"field":"m","legend":null,"scale":(\{.*?\})', json.dumps(page.data, separators=(",", ":"))
    )
    found = [dict(zip(scale["domain"], scale["range"])) for scale in map(json.loads, scales)]
    assert len(found) > 20 and all(each == wanted for each in found)


def test_every_marker_of_the_printed_figures_can_be_drawn():
    assert {*MARKERS, *NFE_MARKERS} <= {*PATHS}
    methods = {style.marker for method in load("laptop").methods.values() if (style := method.style)}
    assert methods and methods <= {*PATHS}


def test_figures_are_valid_and_take_the_width_of_their_place(page):
    kinds = {tuple(str(layer["mark"]) for layer in spec["layer"]): spec for spec in page.data["charts"].values()}
    assert len(kinds) >= 2
    for spec in kinds.values():
        alt.LayerChart.from_dict(spec, validate=True)
        assert spec["width"] == "container"


def test_every_number_leads_to_the_records_of_its_seeds(page, sheet):
    keys, origins = page.origins(), page.data["origins"]
    charts = [row["o"] for spec in page.data["charts"].values() for row in spec["datasets"]["rows"]]
    assert len(keys) > 300 and {*keys, *charts} <= {*origins, *page.data["verdicts"]}
    behind = origins[cell_key(SUITE, "at", "final", "ddim", 5)]
    assert [row["seed"] for row in behind] == SEEDS
    wanted = sheet.frame.query("method == 'at' and sampler == 'ddim' and nfe == 5 and step == 'final'").fd
    assert [row["record"]["metrics"]["fd"] for row in behind] == list(wanted)
    assert all(len(row["record"]["provenance"]["commit"]) == 40 and row["record"]["config"] for row in behind)
    floor = page.tables[f"table-{SUITE}-fd"][-3]
    assert floor.texts[1] == "floor (training images)"
    assert origins[floor.origins[0]][0]["record"]["floor"]["fd"]["mean"] == 5.0


def test_a_verdict_leads_to_the_cells_that_it_compares(page, sheet):
    found = [one for one in page.data["verdicts"].values() if one["found"]["seeds"]]
    assert found
    for one in found:
        methods = {key.split("/")[1] for key in one["keys"]}
        assert methods == {one["found"]["method"], one["found"]["baseline"]}
        assert {*one["keys"]} <= {*page.data["origins"]}


def test_the_page_needs_no_network_and_stays_small(page):
    assert [address for address in page.addresses if not re.match(r"#|data:", address)] == []
    assert re.findall(r"@import|url\((?!data:|\"data:)", page.blobs["style"]) == []
    assert len(page.text.encode()) < pages.MOST_BYTES
    assert page.blobs["vega"] and page.blobs["datatables"]


def test_links_lead_to_sections_that_are_there(page):
    anchors = {address[1:] for address in page.addresses if address.startswith("#")}
    assert len(anchors) >= 4 and all(f'id="{anchor}"' in page.text for anchor in anchors)


def test_the_same_records_give_the_same_bytes(benchmark, complete, tmp_path, light):
    first, second = (opened(benchmark, complete, tmp_path / name, real=REAL).text for name in ("a.html", "b.html"))
    assert first == second


def test_what_is_missing_is_said_in_words(benchmark, root, tmp_path, light):
    for picture in root.rglob("*.png"):
        picture.unlink()
    for curve in root.glob(f"{SUITE}/*/seed*/[0-9]*/*.json"):
        curve.unlink()
    for seed in SEEDS:
        (root / SUITE / f"ip/seed{seed}/final/ddim-nfe5.json").unlink()
    edit(root, "at/seed0/final/ddim-nfe5.json", make_stale)
    words = opened(benchmark, root, tmp_path / "page.html", real={SUITE: "no data here"}).words
    assert "No sample sheet: the suite declares none, or no picture lies beside its cells." in words
    assert "Not measured here: snakemake --cores all mismatch --config scale=ci measures it." in words
    assert re.search(r"1 are stale and \d+ missing", words)


def test_a_stale_cell_has_no_number_but_its_record_and_what_is_wrong(benchmark, root, tmp_path, light):
    edit(root, "at/seed0/final/ddim-nfe5.json", make_stale)
    page = opened(benchmark, root, tmp_path / "page.html")
    row = next(row for row in page.body(f"{SUITE}-fd") if row[:2] == ["DDIM", "ADM-AT"])
    assert row[2].endswith("(2)†") and "0.00" not in row[2]
    first = page.data["origins"][cell_key(SUITE, "at", "final", "ddim", 5)][0]
    assert (first["status"], first["problem"]) == ("stale", "training configuration changed")


def test_real_images_stand_beside_samples_or_the_reason_does(benchmark, complete, page, tmp_path, light):
    assert 'alt="Real images of the held-out set"' in page.text
    without = opened(benchmark, complete, tmp_path / "page.html", real={SUITE: "data: no such folder"})
    assert "No real images beside these: data: no such folder" in without.words


def test_a_strip_that_is_not_there_is_named(benchmark, root, tmp_path, light):
    for path in root.glob(f"{SUITE}/ip/seed0/final/*-nfe5.png"):
        path.unlink()
    assert "no images at NFE 5" in opened(benchmark, root, tmp_path / "page.html").words


def test_sheets_beyond_the_first_give_way_when_the_page_grows_too_large(benchmark, root, tmp_path, light, monkeypatch):
    noise = np.random.default_rng(0)
    for picture in root.rglob("*.png"):
        imsave(picture, noise.random((128, 128, 3)))
    whole = opened(benchmark, root, tmp_path / "whole.html")
    monkeypatch.setattr(pages, "MOST_BYTES", len(whole.text.encode()) * 2 // 3)
    page = opened(benchmark, root, tmp_path / "page.html")
    assert "more samplers" not in whole.words and re.search(r"Sheets of \d more samplers are left out", page.words)
    assert len(page.text.encode()) < pages.MOST_BYTES


def test_names_are_shown_and_never_run(benchmark, complete, tmp_path, light):
    other = shutil.copytree(complete, tmp_path / "<img src=x onerror=alert(1)>" / "ci")
    page = opened(benchmark, complete, tmp_path / "page.html", others=[other.parent])
    assert "<img src=x" not in page.text and "<img src=x onerror=alert(1)>" in page.words


def test_results_of_another_folder_stand_beside_ours(benchmark, complete, root, tmp_path, light):
    def better(record):
        record["metrics"]["fd"] += 40

    edit(root, "at/seed0/final/ddim-nfe5.json", better)
    (root / SUITE / "at/seed1/final/ddim-nfe5.json").unlink()
    page = opened(benchmark, complete, tmp_path / "page.html", others=[root])
    cells = len(tidy.declared_cells(benchmark, [SUITE], SEEDS))
    assert f"Of {cells} cells: {cells - 2} same" in page.words and "1 within noise" in page.words
    row = next(row for row in page.body("means-1") if row[1:4] == ["DDIM", "5", "ADM-AT"])
    ours = next(row for row in page.body(f"{SUITE}-fd") if row[:2] == ["DDIM", "ADM-AT"])
    assert row[4] == ours[2] and row[5].endswith("(2)") and row[5] != row[4]
    assert "1 missing there" in row[6]
    there = page.data["origins"]["other1:" + cell_key(SUITE, "at", "final", "ddim", 5)]
    assert [one["seed"] for one in there] == [0, 2] and str(root) in there[0]["path"]
    assert all(len(row) == 5 for row in page.body("verdicts-1"))


@pytest.mark.parametrize("place", ["", "results", "results/released"])
def test_another_folder_may_be_a_checkout_or_its_results(benchmark, complete, tmp_path, light, place):
    shutil.copytree(complete, tmp_path / "other" / place / "ci")
    page = opened(benchmark, complete, tmp_path / "page.html", others=[tmp_path / "other"])
    assert f"Beside {tmp_path / 'other'}" in page.words


def test_another_folder_without_results_is_refused_in_a_line(benchmark, complete, tmp_path):
    with pytest.raises(UserError, match=r"--merge .*: holds no results of scale ci"):
        opened(benchmark, complete, tmp_path / "page.html", others=[tmp_path])


def test_results_of_another_scale_are_refused_in_a_line(benchmark, complete, tmp_path):
    other = shutil.copytree(complete, tmp_path / "laptop")
    for path in other.rglob("*-nfe*.json"):
        edit(other, str(path.relative_to(other / SUITE)), lambda record: record["cell"].update(scale="laptop"))
    with pytest.raises(UserError, match=r"--merge .*: no cell that counts at scale ci: .*names another cell"):
        opened(benchmark, complete, tmp_path / "page.html", others=[other])


def test_without_results_the_command_that_makes_them_is_named(benchmark, tmp_path):
    with pytest.raises(UserError, match=r"no results to report: snakemake --cores all --config scale=ci makes them"):
        opened(benchmark, tmp_path, tmp_path / "page.html")


def test_the_page_and_single_tables_are_not_asked_for_at_once(capsys):
    assert cli.main(["report", "--html", "--only", "results/laptop/tables/scratch.md"]) == 2
    assert "--only: names tables and figures" in capsys.readouterr().err


@pytest.mark.parametrize("scale", ["laptop", "workstation"])
def test_released_results_alone_make_a_page(scale, tmp_path, light):
    root = REPOSITORY / "results/released" / scale
    benchmark = of_its_time(load(scale), root)
    assert {"scratch", "consistency"} <= {*with_results(benchmark, root)}
    page = OpenedPage(pages.build(benchmark, root, ["scratch"], tmp_path / "page.html"))
    seeds = {record["cell"]["seed"] for record in packs.read_whole(root / "scratch/cells.jsonl").values()}
    assert {row["seed"] for row in page.data["origins"][cell_key("scratch", "at", "final", "ddim", 5)]} == seeds
    assert "data:image/png" in page.text and {*page.origins()} <= {*page.data["origins"], *page.data["verdicts"]}
    table = "scratch" if benchmark.file.leads == "fd" else "scratch-fd"  # of the distance to the training images
    released = (root / f"tables/{table}.md").read_text()
    assert all(entry in released.replace("**", "") for row in page.body("scratch-fd") for entry in row)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("<strong>1.23 ± 0.04</strong>", 1.23),
        (f"{render.MINUS}18 % [{render.MINUS}125, +38]", -18),
        ("1,348", 1348),
        ("—†", LAST),
        ("2e-05", 2e-5),
    ],
)
def test_entries_are_sorted_by_their_first_number(text, number):
    assert order(text) == number
