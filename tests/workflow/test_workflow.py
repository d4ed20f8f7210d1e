"""The workflow as a user meets it: the ci scale in a clean copy, then every grain of rerun from its job statistics."""

import json
import os
import re
import shutil

import pandas as pd
import pytest
from checkout import CELL, REPORT_JOBS, Checkout, compute_jobs, edit, jobs

from atbench.spec.load import load
from atbench.spec.probes import modules

MY_AT = "my-at: {extends: at, label: My AT, perturbation: {norm: linf}, suites: [scratch]}\n"


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
    planned = Checkout(tmp_path / "atbench").planned("scratch")
    assert planned["evaluate"] == [f"scratch/{method}" for method in ("adm", "adm-3x", "at", "ip")]
    assert planned["train"] == sorted([*planned["evaluate"], "extractor/digits-cnn"])
    assert planned.keys() == {"train", "reference", "evaluate", "scratch"}


def test_a_figure_as_a_target_runs_its_suite_alone(tmp_path):
    checkout = Checkout(tmp_path / "atbench")
    assert checkout.planned("results/ci/figures/scratch-samples.pdf") == checkout.planned("scratch")


def test_measured_nfe_and_counts_stand_in_every_cell(finished):
    for path in finished.folder.glob("results/ci/*/*/seed*/*/*.json"):
        record = json.loads(path.read_text())
        assert record["counts"]["nfe"] == record["cell"]["nfe"]
        inner = 3 if record["cell"]["method"].split("-")[-1] == "at" else 1
        assert record["counts"]["updates"] == inner * record["counts"]["batches"]


def test_one_cell_reruns_alone(scratchpad):
    before = {path: path.stat().st_mtime_ns for path in scratchpad.folder.glob("results/ci/*/*/seed*/*/*.json")}
    output = scratchpad.snakemake("-R", CELL)
    assert compute_jobs(output) == {"cell": 1}
    assert jobs(output).keys() == {"cell", "scratch", "tidy", "claims", "all"}
    changed = [path for path, time in before.items() if path.stat().st_mtime_ns != time]
    assert changed == [scratchpad.folder / CELL]
    assert jobs(scratchpad.snakemake("-n")) == {}


def test_same_numbers_when_a_cell_is_made_again(scratchpad):
    before = json.loads((scratchpad.folder / CELL).read_text())
    (scratchpad.folder / CELL).unlink()
    assert compute_jobs(scratchpad.snakemake(CELL)) == {"cell": 1}
    assert json.loads((scratchpad.folder / CELL).read_text())["metrics"] == before["metrics"]


def test_a_missing_cell_comes_back_alone(scratchpad):
    (scratchpad.folder / CELL).unlink()
    assert compute_jobs(scratchpad.snakemake("-n")) == {"cell": 1}


def test_a_cell_that_other_settings_made_is_made_again_alone_when_asked_for(scratchpad):
    cell = CELL.replace("ddim-nfe10", "es-nfe10")
    assert jobs(scratchpad.snakemake("-n", cell)) == {}
    edit(scratchpad.folder / "experiments/samplers.yaml", lambda samplers: samplers["es"].update(eps_scale=1.018))
    assert compute_jobs(scratchpad.snakemake(cell)) == {"cell": 1}
    assert jobs(scratchpad.snakemake("-n", cell)) == {}


def test_off_grid_nfe_runs(scratchpad):
    path = CELL.replace("ddim-nfe10", "iddpm-nfe13")
    assert compute_jobs(scratchpad.snakemake(path)) == {"cell": 1}
    assert json.loads((scratchpad.folder / path).read_text())["counts"]["nfe"] == 13
    assert path in scratchpad.run("atbench", "status", "--scale", "ci")


def test_a_new_seed_runs_only_its_own_runs(scratchpad):
    planned = scratchpad.planned(config=("seeds=[0,1]", "suites=[scratch]"))
    assert planned["train"] == planned["evaluate"] == [f"scratch/{method}" for method in ("adm", "adm-3x", "at", "ip")]
    assert planned.keys() - REPORT_JOBS == {"train", "evaluate"}


@pytest.mark.parametrize("target", ["scratch", "tables", "results/ci/tables/scratch.md", "results/ci/tables/claims.md"])
def test_pages_that_are_there_hide_no_new_method(scratchpad, target):
    """Snakemake said that nothing was to be done: it looks at no trigger of what waits for a checkpoint."""
    methods = scratchpad.folder / "experiments/methods.yaml"
    methods.write_text(methods.read_text() + MY_AT)
    planned = compute_jobs(scratchpad.snakemake("-n", target, config=("suites=[scratch]",)))
    assert planned == {"train": 1, "evaluate": 1}


def test_a_new_nfe_runs_no_training_and_keeps_the_other_cells(scratchpad):
    scale = scratchpad.folder / "experiments/scales/ci.yaml"
    scale.write_text(scale.read_text().replace("nfe: [5, 10]", "nfe: [5, 10, 20]"))
    before = (scratchpad.folder / CELL).read_bytes()  # its date of making stands inside; Snakemake touches the file
    output = scratchpad.snakemake("scratch", config=("suites=[scratch]",))
    assert compute_jobs(output) == {"evaluate": 4}
    assert (scratchpad.folder / CELL).read_bytes() == before


def test_a_changed_constant_retrains_its_method_and_what_builds_on_it(scratchpad):
    methods = scratchpad.folder / "experiments/methods.yaml"
    methods.write_text(methods.read_text().replace("radius_rms: 0.1, follow: true", "radius_rms: 0.2, follow: true"))
    planned = scratchpad.planned(config=("suites=[scratch,finetune,class-conditional]",))
    assert planned["train"] == ["class-conditional/at", "finetune/at", "scratch/at"]
    table = scratchpad.run("atbench", "status", "--scale", "ci", "--stale", "--paths")
    assert CELL in table and "scratch/adm/" not in table


def test_a_failed_evaluation_stays_to_be_done_and_says_why(scratchpad):
    run = scratchpad.folder / "results/ci/scratch/ip/seed0"
    (run / "evaluation.json").unlink()
    (run / "final/ddim-nfe10.json").unlink()
    (run / "final/ddim-nfe10.json").mkdir()  # where nothing can be written
    for _ in range(2):  # the second finds what the first has left
        output = scratchpad.snakemake(expect=1)
        assert compute_jobs(output) == {"evaluate": 1} and "evaluation.json" in output
        assert "ddim-nfe10.json: cannot be written" in output  # its reason, though --quiet=rules
    (run / "final/ddim-nfe10.json").rmdir()
    assert compute_jobs(scratchpad.snakemake()) == {"evaluate": 1}
    assert jobs(scratchpad.snakemake("-n")) == {}


def test_weights_that_are_not_what_their_record_says_are_trained_again(scratchpad):
    """By the command that asks for what rests on them; what was made from the same weights stays."""
    run = scratchpad.folder / "results/ci/scratch/ip/seed0"
    cells = {path: path.read_bytes() for path in run.glob("*/*-nfe*.json")}
    whole = (run / "weights/final.safetensors").read_bytes()
    os.truncate(run / "weights/final.safetensors", 100)
    status = scratchpad.run("atbench", "status", "--scale", "ci", "--stale", "--suites", "scratch")
    assert "ip/seed0/config.json: stale (weights/final.safetensors changed since)" in status
    assert "ip/seed0/final/ddim-nfe10.json: stale (weights changed since)" in status
    output = scratchpad.snakemake()
    assert "ip/seed0/config.json: weights/final.safetensors changed since; to be made again" in output
    assert compute_jobs(output) == {"train": 1, "evaluate": 1}
    assert (run / "weights/final.safetensors").read_bytes() == whole
    assert {path: path.read_bytes() for path in cells} == cells
    assert jobs(scratchpad.snakemake("-n")) == {}


def test_an_extractor_that_is_not_what_its_record_says_is_trained_again(scratchpad):
    file = scratchpad.folder / "results/ci/extractor/digits-cnn/seed0/weights/final.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    output = scratchpad.snakemake(config=("suites=[scratch]",))
    assert compute_jobs(output) == {"train": 1, "reference": 1, "evaluate": 4}
    assert file.read_bytes() == whole
    assert jobs(scratchpad.snakemake("-n", config=("suites=[scratch]",))) == {}


def test_numbers_that_were_changed_by_hand_are_named_never_drawn_and_made_again(scratchpad):
    cell = scratchpad.folder / CELL
    before = cell.read_text()
    value = json.loads(before)["metrics"]["fd"]
    cell.write_text(before.replace(f'"fd": {value}', '"fd": 0.0001'))
    table = scratchpad.folder / "results/ci/tables/scratch.md"
    listed = scratchpad.run("atbench", "status", "--scale", "ci", "--paths", "--suites", "scratch")
    assert CELL in listed
    scratchpad.run(
        "atbench", "report", "--scale", "ci", "--suites", "scratch", "--only", str(table.relative_to(scratchpad.folder))
    )
    assert "0.00" not in table.read_text() and "1 refused" in table.read_text()
    output = scratchpad.snakemake(config=("suites=[scratch]",))
    assert f"{CELL}: its seal does not fit its content: it was changed by hand; to be made again" in output
    assert compute_jobs(output) == {"cell": 1}
    assert json.loads(cell.read_text())["metrics"]["fd"] == value


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
    own = json.loads((scratchpad.folder / CELL).read_text())["metrics"]
    assert foreign["metrics"] == own
    scratchpad.run("atbench", "export", CELL, "few.npz", "--count", "100")
    said = scratchpad.run("atbench", "score", "samples.npz", "few.npz", "--csv", "all.csv", "--scale", "ci")
    assert re.search(r"100 images, where cells have 192: .* Of real images, 100 have FD-digits [\d.]+ and 192", said)
    numbers = pd.read_csv(scratchpad.folder / "all.csv", index_col="name")
    assert numbers.loc["samples", "fd"] == foreign["metrics"]["fd"]
    assert list(numbers.samples) == [192, 100]
    scratchpad.run("atbench", "report", "--scale", "ci", "--only", "results/ci/tables/scratch.md")
    table = (scratchpad.folder / "results/ci/tables/scratch.md").read_text()
    assert re.search(r"Foreign +\| few \(100 images\)", table) and "| my-method" in table
    scratchpad.run("atbench", "score", "samples.npz", "--name", "My Method", "--scale", "ci", expect=2)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("scale=nonsense",), "unknown scale 'nonsense'"),
        (("scale=ci", "suites=[scrach]"), "unknown suite 'scrach'"),
        (("scale=ci", "suites=[]"), "suites"),
        (("scale=ci", "seeds=[x]"), "seeds"),
        (("scale=ci", "seeds=0"), "seeds: 0: must be a list"),
        (("scale=ci", "seeds=3"), "seeds: 3: must be a list"),
        (("scale=ci", "seeds=[0,0]"), "seeds"),
        (("scale=ci", "suites=scratch"), "suites"),
        (("scale=ci", "colour=red"), "colour"),
    ],
)
def test_bad_configuration_is_one_line(finished, arguments, named):
    output = finished.run("snakemake", "-n", "--config", *arguments, expect=None)
    assert named in output and "Traceback" not in output
    assert "Job stats" not in output and output.count("atbench: ") == 1


@pytest.mark.parametrize(
    ("address", "named"),
    [
        (CELL.replace("/at/", "/ta/"), "unknown method 'ta'"),
        (CELL.replace("final", "0000017"), "no such snapshot; this run has 0000010, final"),
        (CELL.replace("scratch/at", "latent/ldm").replace("ddim-nfe10", "ddim-guided-nfe13"), "nearest valid nfe: 14"),
        (CELL.replace("scratch/at", "latent/ldm").replace("ddim-nfe10", "heldout"), "latent is none of them"),
    ],
)
def test_what_cannot_be_made_is_one_line(finished, address, named):
    output = finished.run("snakemake", "-n", "--quiet=rules", address, "--config", "scale=ci", expect=1)
    assert [line for line in output.splitlines() if "atbench: " in line and named in line]
    assert "Traceback" not in output and "Job stats" not in output


@pytest.mark.parametrize("scale", ["ci", "laptop", "workstation", "paper", "gpu"])
def test_rules_are_few_at_every_scale(finished, scale):
    suites = ("suites=[scratch,finetune,edm,consistency]",) if scale == "gpu" else ()
    rules = finished.run("snakemake", "--list-rules", "--config", f"scale={scale}", *suites)
    names = [line for line in rules.splitlines() if re.fullmatch(r"\w+", line)]
    assert {"all", "train", "evaluate", "cell", "scratch"} <= set(names)
    assert len(names) <= len(load(scale).suites) + len(modules()) + 17  # a suite or measure each, and so many more


def test_plan_is_a_screen_and_its_two_tables_agree(scratchpad):
    scratchpad.build_environment()
    lines = scratchpad.run("make", "plan", "SCALE=laptop").splitlines()
    assert len(lines) <= 60
    planned = next(line for line in lines if line.startswith("total"))
    estimated = next(line for line in reversed(lines) if line.startswith("total"))
    assert int(planned.split()[1]) - 1 == int(estimated.split()[2])  # less `all`, which does nothing
    assert {"train", "evaluate", "extractor", "latent-consistency"} <= {line.split()[0] for line in lines if line}


def test_lint_and_format(finished):
    assert "Congratulations" in finished.run("snakemake", "--lint", expect=None)
    finished.run("snakefmt", "--check", "Snakefile", "experiments/rules")
