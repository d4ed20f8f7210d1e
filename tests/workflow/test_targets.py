"""What the workflow makes beside the default run: targets of their own, other scales, the README's commands."""

import json
import re
import shutil

from checkout import BIN, CELL, Checkout, compute_jobs, jobs
from PIL import Image

from atbench.config import default
from atbench.data import load


def test_released_results_draw_without_weights_or_training(finished, tmp_path):
    finished.run("atbench", "release", "--scale", "ci")
    clone = Checkout(tmp_path / "clone")
    shutil.copytree(finished.folder / "results/released", clone.folder / "results/released")
    shutil.rmtree(finished.folder / "results/released")
    released = clone.folder / "results/released/ci"
    table = (released / "tables/scratch.md").read_text()
    output = clone.snakemake("--forceall", "tables", "figures", config=("cached=1",))
    assert compute_jobs(output) == {}
    assert (released / "tables/scratch.md").read_text() == table
    (clone.folder / CELL.replace("results/ci", "results/released/ci")).unlink()
    assert compute_jobs(clone.snakemake("--forceall", "tables", config=("cached=1",))) == {}
    assert "—" in (released / "tables/scratch.md").read_text().split("| Sampler")[1]


def test_a_users_own_images_run_with_one_line_of_configuration(scratchpad):
    scans = load({"name": "digits"}, "train")
    for index, (image, label) in enumerate(zip(scans.images[:400], scans.labels)):
        folder = scratchpad.folder / "data/images" / str(int(label))
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).resize((20, 20)).save(folder / f"{index}.png")
    scale = scratchpad.folder / "experiments/scales/own-images.yaml"
    scale.write_text(scale.read_text().replace("extends: laptop", "extends: ci"))
    cell = "results/own-images/class-conditional/at/seed0/final/ddim-nfe5.json"
    output = scratchpad.snakemake(cell, scale="own-images")
    assert compute_jobs(output).keys() >= {
        "train_class_conditional_at",
        "cell_class_conditional_at",
        "reference_scratch",
    }
    config = json.loads((scratchpad.folder / "results/own-images/class-conditional/at/seed0/config.json").read_text())
    assert config["data"]["name"] == "image-folder" and config["slice"]["conditional"] is True


def test_every_command_of_the_readme_runs(scratchpad, readme_commands):
    default = scratchpad.folder / "experiments/config.yaml"
    default.write_text(default.read_text().replace("scale: laptop ", "scale: ci "))
    environment = scratchpad.folder / ".venv"  # what the first `make` would build
    environment.mkdir()
    for entry in BIN.parent.iterdir():
        (environment / entry.name).symlink_to(entry)
    (environment / "ready").unlink(missing_ok=True)
    (environment / "ready").touch()
    scratchpad.run("atbench", "release")
    for command in readme_commands:
        if command != "make test":
            scratchpad.run("bash", "-c", command.replace("laptop", "ci").replace("make reproduce", "make SCALE=ci"))


def test_distilled_students_and_their_teacher_stand_beside_each_other(finished):
    root = finished.folder / "results/ci"
    student = json.loads((root / "latent-consistency/lcm-at/seed0/final/lcm-nfe4.json").read_text())
    assert student["counts"]["nfe"] == 4 and student["counts"]["forward_passes"] == 10 * (3 * 3 + 2 + 1)
    assert 0 <= student["metrics"]["caption_score"] <= 1 and "autoencoder" in student["inputs"]
    teacher = json.loads((root / "latent-consistency/teacher/seed0/final/ddim-guided-nfe8.json").read_text())
    assert teacher["counts"]["nfe"] == 8 and teacher["counts"]["updates"] == 0
    table = (root / "tables/latent-consistency.md").read_text()
    assert "reconstruction (autoencoder)" in table and "Teacher" in table


def test_a_suite_beside_the_default_ones_runs_by_its_name(scratchpad):
    scratchpad.snakemake("edm")
    assert (scratchpad.folder / "results/ci/edm/edm/seed0/config.json").exists()
    assert jobs(scratchpad.snakemake("-n", "edm")) == {}
    # From now on it stands on the pages that span suites, without being a part of everything.
    page = "results/ci/tables/claims.md"
    planned = scratchpad.run("snakemake", "-n", "-p", "--cores", "1", page, "--config", "scale=ci", "suites=[scratch]")
    assert re.search(
        rf"--suites {' '.join([*default('suites'), 'edm'])} +--only", planned
    ) and "evaluate_edm_edm" not in jobs(planned)
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "edm")
    assert "report_edm" in jobs(scratchpad.snakemake("-n", "--forceall", "tables", config=("cached=1",)))


def test_mismatch_is_a_target_of_its_own(scratchpad):
    planned = jobs(scratchpad.snakemake("-n", "mismatch", config=("suites=[scratch]",)))
    assert set(planned) == {f"mismatch_scratch_{m}" for m in ("adm", "ip", "at", "adm_3x")} | {
        "mixture",
        "report_mismatch_scratch",
        "report_mixture",
        "mismatch",
    }
    suite = scratchpad.folder / "experiments/suites/scratch.yaml"  # two methods are enough to see it run
    suite.write_text(suite.read_text().replace("methods: [adm, ip, at, adm-3x]", "methods: [adm, at]"))
    scratchpad.snakemake("mismatch", config=("suites=[scratch]",))
    root = scratchpad.folder / "results/ci"
    measured = json.loads((root / "scratch/at/seed0/final/mismatch.json").read_text())
    assert {row["t"] for row in measured["robust_loss"]} == {50, 250, 500, 750, 950}
    assert "ADM-AT" in (root / "tables/scratch-mismatch.md").read_text()
    assert (root / "figures/scratch-exposure.pdf").exists() and (root / "figures/mixture.pdf").exists()
    assert jobs(scratchpad.snakemake("-n", "mismatch", config=("suites=[scratch]",))) == {}
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "scratch")
    drawn = scratchpad.snakemake("-n", "--forceall", "figures", config=("cached=1",))
    assert {"report_mismatch_scratch", "report_mixture"} <= set(jobs(drawn))


def test_wider_grid_is_a_target_of_its_own(scratchpad):
    planned = jobs(scratchpad.snakemake("-n", "wide", config=("suites=[scratch]",)))
    assert set(planned) == {f"wide_scratch_{m}" for m in ("adm", "ip", "at", "adm_3x")} | {
        "report_wide_scratch",
        "wide",
    }
    wide = scratchpad.folder / "experiments/wide.yaml"  # one more step count is enough to see it run
    wide.write_text(re.sub("nfe: .*", "nfe: [12]", wide.read_text()))
    scratchpad.snakemake("wide", config=("suites=[scratch]",))
    root = scratchpad.folder / "results/ci"
    assert "NFE 12" in (root / "tables/scratch-wide.md").read_text()
    assert json.loads((root / "scratch/at/seed0/final/iddpm-nfe12.json").read_text())["counts"]["nfe"] == 12
    planned = jobs(scratchpad.snakemake("-n", config=("suites=[scratch]",)))
    assert "claims" in planned and not [name for name in planned if name.startswith(("train", "evaluate", "wide"))]
    scratchpad.snakemake(config=("suites=[scratch]",))
    assert "NFE 12" in (root / "tables/claims.md").read_text()
    assert jobs(scratchpad.snakemake("-n", "wide", config=("suites=[scratch]",))) == {}
    scratchpad.run("atbench", "release", "--scale", "ci", "--suites", "scratch")
    drawn = scratchpad.snakemake("-n", "--forceall", "figures", config=("cached=1",))
    assert "report_wide_scratch" in jobs(drawn)


def test_html_report(finished):
    finished.snakemake("--report", "results/ci/report.html")
    page = (finished.folder / "results/ci/report.html").read_text()
    assert "scratch-quality-nfe" in page


def test_paper_scale_plans_its_whole_graph(finished):
    planned = jobs(finished.snakemake("-n", scale="paper"))
    assert {
        "train_scratch_at",
        "evaluate_scratch_at",
        "train_finetune_at",
        "train_class_conditional_at",
    } <= planned.keys()
    planned = jobs(finished.snakemake("-n", scale="paper", config=("suites=[latent-consistency]",)))
    assert "train_latent_consistency_lcm_at" in planned and "reconstruction_latent_consistency" in planned
    assert not {name for name in planned if name.startswith("train")} - {
        f"train_latent_consistency_{method}"
        for method in ("lcm", "lcm_ip", "lcm_at", "lcm_forward", "lcm_3x", "teacher")
    }
