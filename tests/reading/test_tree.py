"""Both forms of results, a JSON each and lines of packs, read alike; a broken line is named and ends no report."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from made_up import SOURCES, run_record
from matplotlib.image import imsave
from test_report import SUITE, edit, make_stale, make_tree, write

from atbench import cli
from atbench.reading import packs, pictures
from atbench.reading.rows import reference_rows
from atbench.reading.runs import collect_runs
from atbench.reading.tidy import collect
from atbench.reading.tree import CELLS, MANIFEST, RUNS, Tree, pack_of
from atbench.report.build import build
from atbench.report.compare import SAME, verdicts
from atbench.report.outputs import outputs
from atbench.report.show import show
from atbench.report.status import status
from atbench.runtime import provenance
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.json_files import read_json, write_json
from atbench.runtime.records import read_record
from atbench.spec.address import FINAL
from atbench.spec.form import AnyForm
from atbench.spec.load import load
from atbench.spec.records import RunForm
from atbench.tasks.release import release

BENCHMARK = load("ci")
CELL = f"{SUITE}/at/seed0/final/ddim-nfe5.json"
CONFIG = f"{SUITE}/at/seed0/config.json"


@pytest.fixture(autouse=True)
def sources(monkeypatch):
    """Fixed source hashes: what the sources are is not the matter here."""
    monkeypatch.setattr(provenance, "source_hash", SOURCES.get)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A folder with a whole suite, its tables and figures, and its release."""
    folder = tmp_path_factory.mktemp("finished")
    root = make_tree(BENCHMARK, folder / "results/ci", None)
    for run in BENCHMARK.foundations([SUITE]):
        write(folder / run.address.record, run_record(run))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "source_hash", SOURCES.get)
        patch.chdir(folder)
        build(BENCHMARK, root, [SUITE])
        release(BENCHMARK, [SUITE])
    return folder


@pytest.fixture
def folder(finished, tmp_path, monkeypatch) -> Path:
    """A copy that is the current folder, free to damage."""
    shutil.copytree(finished / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def local(folder) -> Path:
    return folder / "results/ci"


@pytest.fixture
def released(folder) -> Path:
    return folder / "results/released/ci"


def change_line(pack: Path, name: str, change) -> int:
    """Replace the line of a record by what ``change`` makes of its text, and give its number."""
    lines = pack.read_text().splitlines()
    [number] = [n for n, line in enumerate(lines) if packs.name_of(json.loads(line)) == name]
    lines[number] = change(lines[number])
    pack.write_text("\n".join(lines) + "\n")
    list_anew(pack)
    return number + 1


def list_anew(file: Path) -> None:
    """Let the manifest of the released scale list a file as it is now."""
    root = next(folder for folder in file.parents if (folder / MANIFEST).exists())
    content = read_json(root / MANIFEST)
    content["files"][file.relative_to(root).as_posix()] = file_hash(file)
    write_json(root / MANIFEST, content)


def unreadable(root: Path) -> pd.DataFrame:
    frame = collect(BENCHMARK, root, [SUITE])
    assert set(frame.status) == {"done", "refused"}
    return frame[frame.status == "refused"]


def test_a_release_is_a_few_files_and_reads_as_the_local_results(local, released):
    files = {path.relative_to(released).as_posix() for path in released.rglob("*") if path.is_file()}
    kept = {name for name in files if name.split("/")[0] not in ("tables", "figures")}
    samplers = BENCHMARK.suite(SUITE).samplers
    sheets = {f"{SUITE}/sheets/{m}-seed0-{s}.png" for m in BENCHMARK.suite(SUITE).methods for s in samplers}
    extractor, rows = BENCHMARK.extractor_run.address.suite, BENCHMARK.suite(SUITE).judging.rows_path().name
    assert kept == {
        *(f"{SUITE}/{name}" for name in (CELLS, RUNS)),
        *(f"{extractor}/{RUNS}", f"reference/{rows}", "manifest.json", "time.json"),
        *sheets,
    }
    assert {*json.loads((released / "manifest.json").read_text())["files"]} == files - {"manifest.json"}
    for path in local.rglob("*.json"):
        name = path.relative_to(local)
        assert Tree(released).read(released / name, AnyForm) == read_record(path)
    frames = [collect(BENCHMARK, root, [SUITE]) for root in (local, released)]
    pd.testing.assert_frame_equal(*frames)
    assert set(frames[0].status) == {"done"}
    pd.testing.assert_frame_equal(*(collect_runs(BENCHMARK, root, [SUITE]) for root in (local, released)))
    suite = BENCHMARK.suite(SUITE)
    assert reference_rows(suite, local) == reference_rows(suite, released) != {}


def test_tables_and_figures_of_both_forms_are_the_same_bytes(local, released):
    names = [*outputs(BENCHMARK, [SUITE])]
    before = {name: (local / name).read_bytes() for name in names}
    for name in names:
        (released / name).unlink()
    build(BENCHMARK, released, [SUITE])
    assert {name: (released / name).read_bytes() for name in names} == before


@pytest.mark.parametrize("options", [["--released"], []], ids=["released", "local"])
def test_a_report_is_of_the_suites_that_have_results(local, released, options, capsys):
    assert cli.main(["report", "--scale", "ci", *options]) == 0
    root = Path("results/released/ci" if options else "results/ci")
    drawn = {Path(line).relative_to(root).as_posix() for line in capsys.readouterr().out.splitlines()}
    assert drawn == {*outputs(BENCHMARK, [SUITE])}


def test_a_report_of_nothing_names_the_command_that_makes_results(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", "--scale", "ci"]) == 2
    assert "no results to report: snakemake --cores all --config scale=ci makes them" in capsys.readouterr().err


def test_reading_verbs_take_either_form(local, released):
    assert verdicts(BENCHMARK, local, released, [SUITE]).verdict.eq(SAME).all()
    here, there = (status(BENCHMARK, root, [SUITE], time=True).value for root in (local, released))
    assert here | {"root": ""} == there | {"root": ""}
    texts = [str(show(root / CELL)).split("\n", 1) for root in (Path("results/ci"), Path("results/released/ci"))]
    assert texts[0][0] != texts[1][0] and texts[0][1] == texts[1][1]
    with pytest.raises(UserError, match=r"ddim-nfe7\.json: no such result"):
        show(released / CELL.replace("nfe5", "nfe7"))


def test_a_file_of_its_own_goes_before_a_line(local, released):
    (released / CELL).parent.mkdir(parents=True)
    shutil.copy(local / CELL, released / CELL)
    edit(released, "at/seed0/final/ddim-nfe5.json", make_stale)
    frame = collect(BENCHMARK, released, [SUITE])
    assert (frame.status == "stale").sum() == 1
    tree = Tree(released)
    assert tree.source(released / CELL) == released / CELL
    assert tree.source(released / CONFIG) == released / SUITE / RUNS
    assert tree.source(released / CELL.replace("nfe5", "nfe7")) is None
    assert tree.read(released / "nothing.json", AnyForm) is None


def test_cells_that_no_suite_declares_are_found_in_a_pack(local, released):
    pack = released / SUITE / CELLS
    records = packs.read_whole(pack)
    records["at/seed9/final/ddim-nfe5.json"] = records["at/seed0/final/ddim-nfe5.json"] | {
        "cell": records["at/seed0/final/ddim-nfe5.json"]["cell"] | {"seed": 9}
    }
    packs.write(pack, records)
    list_anew(pack)
    frame = collect(BENCHMARK, released, [SUITE])
    assert list(frame[frame.off_grid].seed) == [9]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda line: line.replace('"fd":', '"fd":1', 1), "its seal does not fit its content"),
        (lambda line: line.replace('"nfe":5', '"nfe":5,"note":"by hand"', 1), "its seal does not fit its content"),
        (lambda line: line.replace('"format":1', '"format":2'), "of format 2, not 1"),
        (lambda line: line.replace('"format":1,', ""), "lacks format"),
        (lambda line: line[: len(line) // 2], "not valid JSON, perhaps cut off"),
        (lambda line: f"[{line}]", "holds no JSON object"),
        (lambda line: line.replace('"fd":', '"fd":NaN,"old":', 1), "NaN is no number"),
    ],
)
def test_a_broken_line_is_named_and_costs_one_cell(released, change, words):
    pack = released / SUITE / CELLS
    number = change_line(pack, "at/seed0/final/ddim-nfe5.json", change)
    [problem] = unreadable(released).problem
    assert problem.startswith(f"{SUITE}/{CELLS}: line {number}: ") and words in problem
    with pytest.raises(UserError, match=rf"{CELLS}: line {number}: .*{words}"):
        show(released / CELL)
    with pytest.raises(UserError, match=rf"{CELLS}: line {number}: .*{words}"):
        packs.read_whole(pack)


def test_a_cell_on_two_lines_counts_as_neither(released):
    pack = released / SUITE / CELLS
    lines = pack.read_text().splitlines()
    pack.write_text("\n".join([*lines, lines[2]]) + "\n")
    list_anew(pack)
    [problem] = unreadable(released).problem
    assert f"line {len(lines) + 1}: " in problem and "on another line already" in problem


def test_a_cell_in_the_pack_of_another_suite_is_named(released):
    shutil.copy(released / SUITE / CELLS, released / "finetune.jsonl")
    (released / "finetune").mkdir()
    (released / "finetune.jsonl").rename(released / "finetune" / CELLS)
    frame = collect(BENCHMARK, released, ["finetune"])
    assert frame[frame.status == "refused"].problem.str.contains("the block cell names another cell").all()
    assert (frame.status == "refused").any() and not (frame.status == "done").any()


def test_a_broken_record_of_a_run_is_named(released):
    change_line(released / SUITE / RUNS, "at/seed0/config.json", lambda line: line.replace("10.0", "11.0"))
    runs = collect_runs(BENCHMARK, released, [SUITE])
    assert list(runs[runs.status == "refused"].method) == ["at"]
    with pytest.raises(UserError, match=rf"{RUNS}: line \d+: at/seed0/config.json: its seal"):
        Tree(released).read(released / CONFIG, RunForm)


def test_a_released_file_that_is_not_what_the_manifest_lists_is_refused_whole(released, capfd):
    """A line that was taken out, or sealed anew, leaves no wrong seal."""
    pack, rows = released / SUITE / CELLS, released / "reference" / BENCHMARK.suite(SUITE).judging.rows_path().name
    pack.write_text("".join(pack.read_text().splitlines(keepends=True)[1:]))
    frame = collect(BENCHMARK, released, [SUITE])
    assert set(frame.status) == {"refused", "missing"}
    assert set(frame[frame.status == "refused"].problem) == {
        f"{SUITE}/{CELLS}: not what manifest.json lists: it was changed since its release"
    }
    rows.write_text(rows.read_text().replace("5.0", "4.0", 1))
    assert reference_rows(BENCHMARK.suite(SUITE), released) == {}
    assert f"{rows}: not what manifest.json lists" in capfd.readouterr().err
    build(BENCHMARK, released, [SUITE])


def test_a_release_replaces_its_suites_and_keeps_the_others(folder, local, released):
    extractor = released / BENCHMARK.extractor_run.address.suite / RUNS
    of_extractor = {"digits-cnn/seed7/config.json": {"digest": "of another release"}}
    packs.write(extractor, packs.read_whole(extractor) | of_extractor)
    records = packs.read_whole(released / SUITE / CELLS)
    gone, last = "at/seed0/0000001/ddim-nfe5.json", "adm/seed0/final/ddim-nfe5.json"
    stranger = {**records[last], "cell": records[last]["cell"] | {"method": "at", "step": "0000001"}}
    packs.write(released / SUITE / CELLS, records | {gone: stranger})
    page = released / f"tables/{SUITE}-wide.md"  # of a side measure that is no longer there
    page.write_text("once measured\n")
    manifest = json.loads((released / "manifest.json").read_text())
    manifest["files"] |= {f"tables/{SUITE}-wide.md": "0" * 64, "tables/other.md": "1" * 64}
    write_json(released / MANIFEST, manifest)
    for changed in (extractor, released / SUITE / CELLS):
        list_anew(changed)
    release(BENCHMARK, [SUITE])
    assert packs.read_whole(extractor).keys() == {"digits-cnn/seed0/config.json", *of_extractor}
    assert packs.read_whole(released / SUITE / CELLS) == records
    files = json.loads((released / "manifest.json").read_text())["files"]
    assert not page.exists() and f"tables/{SUITE}-wide.md" not in files and files["tables/other.md"] == "1" * 64


def test_a_release_refuses_what_is_missing_stale_or_broken(local, released):
    change_line(released / SUITE / RUNS, "at/seed0/config.json", lambda line: line.replace("10.0", "11.0"))
    before = {path: path.read_bytes() for path in released.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=rf"{RUNS}: line \d+: .*seal"):
        release(BENCHMARK, [SUITE])
    (local / CELL).with_suffix(".png").unlink()
    with pytest.raises(UserError, match=r"ddim-nfe5\.png: missing"):
        release(BENCHMARK, [SUITE])
    edit(local, "at/seed0/final/ddim-nfe5.json", make_stale)
    with pytest.raises(UserError, match=r"ddim-nfe5\.json: training configuration changed; evaluate it again"):
        release(BENCHMARK, [SUITE])
    assert {path: path.read_bytes() for path in released.rglob("*") if path.is_file()} == before


def test_a_sheet_shows_the_first_images_of_every_step_count(local, released):
    run = BENCHMARK.suite(SUITE).run("at", 0)
    for cell in run.cells:
        shown = pictures.first_images(local, cell.address)
        found = pictures.first_images(released, cell.address)
        assert shown.shape[0] == pictures.SHOWN * pictures.SIDE
        if cell.address.step == FINAL:
            assert (found == shown).all()
        else:
            assert found is None  # a figure shows none of them
    other = BENCHMARK.suite(SUITE).run("at", 7).cells[0].address
    assert pictures.first_images(released, other) is None
    sheet = released / pictures.sheet_path(run.address, "ddim")
    imsave(sheet, [[0.0, 1.0]])
    with pytest.raises(UserError, match=r"at-seed0-ddim\.png: not what manifest\.json lists"):
        pictures.first_images(released, run.cell(FINAL, "ddim", 5).address)
    list_anew(sheet)
    with pytest.raises(UserError, match=r"at-seed0-ddim\.png: not a sheet of samples"):
        pictures.first_images(released, run.cell(FINAL, "ddim", 5).address)


def test_packs_are_named_by_what_they_hold():
    assert pack_of("scratch/at/seed0/final/ddim-nfe10.json") == "scratch/cells.jsonl"
    assert pack_of("scratch/at/seed0/config.json") == "scratch/runs.jsonl"
    assert pack_of("scratch/at/seed0/final/mismatch.json") == "scratch/runs.jsonl"
    for name in ("cost.json", "tuning/scratch.json", "tables/scratch.md", "reference/digits-rows.json"):
        assert pack_of(name) is None


def test_lines_stand_in_the_order_of_their_addresses(released):
    numbers = [packs.name_of(json.loads(line)) for line in (released / SUITE / CELLS).read_text().splitlines()]
    at = [name for name in numbers if name.startswith("at/seed0/final/ddim")]
    assert at == [f"at/seed0/final/ddim-nfe{nfe}.json" for nfe in BENCHMARK.suite(SUITE).grid]
    assert (released / SUITE / CELLS).read_text().startswith('{"format":1,"seal":"')
