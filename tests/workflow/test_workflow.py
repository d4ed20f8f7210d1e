"""The workflow as a user meets it: the ci scale in a clean copy, then every grain of rerun from its job statistics."""

import json
import re
import shutil

import pytest
from checkout import CELL, Checkout, compute_jobs, jobs


def test_everything_is_made_and_nothing_is_left_to_do(finished):
    root = finished.folder / "results/ci"
    cells = list(root.glob("*/*/seed*/*/*.json"))
    assert len(cells) == 177
    assert {path.suffix for path in (root / "tables").iterdir()} == {".csv", ".md", ".tex", ".log"}
    assert {path.stem for path in (root / "figures").glob("*.pdf")} == {
        path.stem for path in (root / "figures").glob("*.png")
    }
    assert jobs(finished.snakemake("-n")) == {}


def test_a_suite_as_a_target_runs_that_suite_alone(tmp_path):
    planned = jobs(Checkout(tmp_path / "atbench").snakemake("-n", "scratch"))
    assert "train_scratch_adm" in planned and not [name for name in planned if "finetune" in name or "class" in name]


def test_measured_nfe_and_counts_stand_in_every_cell(finished):
    for path in finished.folder.glob("results/ci/*/*/seed*/*/*.json"):
        record = json.loads(path.read_text())
        assert record["counts"]["nfe"] == record["cell"]["nfe"]
        inner = 3 if record["cell"]["method"].split("-")[-1] == "at" else 1
        assert record["counts"]["updates"] == inner * record["counts"]["batches"]


def test_one_cell_reruns_alone(scratchpad):
    before = {path: path.stat().st_mtime_ns for path in scratchpad.folder.glob("results/ci/*/*/seed*/*/*.json")}
    output = scratchpad.snakemake("-R", CELL, config=("grain=cell",))
    assert compute_jobs(output) == {"cell_scratch_at": 1}
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert changed == [scratchpad.folder / CELL]
    assert jobs(scratchpad.snakemake("-n")) == {}


def test_same_numbers_when_a_cell_is_made_again(scratchpad):
    before = json.loads((scratchpad.folder / CELL).read_text())
    (scratchpad.folder / CELL).unlink()
    assert compute_jobs(scratchpad.snakemake(CELL)) == {"cell_scratch_at": 1}
    assert json.loads((scratchpad.folder / CELL).read_text())["metrics"] == before["metrics"]


def test_a_missing_cell_comes_back_without_training(scratchpad):
    (scratchpad.folder / CELL).unlink()
    assert compute_jobs(scratchpad.snakemake("-n")) == {"evaluate_scratch_at": 1}


def test_off_grid_nfe_runs(scratchpad):
    path = CELL.replace("ddim-nfe10", "iddpm-nfe13")
    assert compute_jobs(scratchpad.snakemake(path)) == {"cell_scratch_at": 1}
    assert json.loads((scratchpad.folder / path).read_text())["counts"]["nfe"] == 13
    assert path in scratchpad.run("atbench", "status", "--scale", "ci")


def test_a_new_seed_runs_only_its_own_runs(scratchpad):
    planned = compute_jobs(scratchpad.snakemake("-n", config=("seeds=[0,1]", "suites=[scratch]")))
    assert planned == {
        f"{kind}_scratch_{m}": 1 for kind in ("train", "evaluate") for m in ("adm", "ip", "at", "adm_3x")
    }


def test_a_new_nfe_runs_no_training_and_keeps_the_other_cells(scratchpad):
    scale = scratchpad.folder / "experiments/scales/ci.yaml"
    scale.write_text(scale.read_text().replace("nfe: [5, 10]", "nfe: [5, 10, 20]"))
    before = (scratchpad.folder / CELL).read_bytes()  # its date of making stands inside; Snakemake touches the file
    output = scratchpad.snakemake("scratch", config=("suites=[scratch]",))
    assert compute_jobs(output).keys() - {"scratch"} == {f"evaluate_scratch_{m}" for m in ("adm", "ip", "at", "adm_3x")}
    assert (scratchpad.folder / CELL).read_bytes() == before


def test_a_changed_constant_retrains_its_method_and_what_builds_on_it(scratchpad):
    methods = scratchpad.folder / "experiments/methods.yaml"
    methods.write_text(methods.read_text().replace("inner_steps: 3, step_rms: t", "inner_steps: 2, step_rms: t"))
    planned = compute_jobs(scratchpad.snakemake("-n", config=("suites=[scratch,finetune,class-conditional]",)))
    assert {name for name in planned if name.startswith("train")} == {
        "train_scratch_at",
        "train_finetune_at",
        "train_class_conditional_at",
    }
    table = scratchpad.run("atbench", "status", "--scale", "ci", "--stale", "--paths")
    assert CELL in table and "scratch/adm/" not in table


def test_compare_finds_a_reproduction_equal_to_itself(finished):
    finished.run("atbench", "release", "--scale", "ci")
    try:
        output = finished.run("atbench", "compare", "--scale", "ci")
        assert output.count(" same") >= 120
    finally:
        shutil.rmtree(finished.folder / "results/released")


def test_exported_samples_score_as_their_cell_and_stand_in_the_table(scratchpad):
    scratchpad.run("atbench", "export", CELL, "samples.npz", "--count", "192")
    scratchpad.run("atbench", "score", "samples.npz", "--name", "my-method", "--scale", "ci")
    foreign = json.loads((scratchpad.folder / "results/ci/foreign/my-method.json").read_text())
    assert foreign["metrics"] == json.loads((scratchpad.folder / CELL).read_text())["metrics"]
    scratchpad.run("atbench", "report", "--scale", "ci", "--only", "results/ci/tables/scratch.md")
    table = (scratchpad.folder / "results/ci/tables/scratch.md").read_text()
    assert re.search(r"Foreign +\| my-method", table)
    scratchpad.run("atbench", "score", "samples.npz", "--name", "My Method", "--scale", "ci", expect=2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("scale=nonsense",), "unknown scale 'nonsense'"),
        (("scale=ci", "suites=[scrach]"), "unknown suite 'scrach'"),
        (("scale=ci", "suites=[]"), "suites"),
        (("scale=ci", "seeds=[x]"), "seeds"),
        (("scale=ci", "colour=red"), "colour"),
    ],
)
def test_bad_configuration_is_one_line(finished, arguments, named):
    output = finished.run("snakemake", "-n", "--config", *arguments, expect=None)
    assert named in output and "Traceback" not in output
    assert "Job stats" not in output


def test_lint_and_format(finished):
    assert "Congratulations" in finished.run("snakemake", "--lint", expect=None)
    finished.run("snakefmt", "--check", "Snakefile", "experiments/rules")
