"""The workflow as a user meets it: the ci scale in a clean copy, then every grain of rerun from its job statistics."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from atbench.data import load

REPOSITORY = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
CELL = "results/ci/scratch/at/seed0/final/ddim-nfe10.json"
REPORT_JOBS = {f"report_{suite}" for suite in ("scratch", "finetune", "class_conditional")}
REPORT_JOBS |= {"report_consistency", "report_latent_consistency"}
REPORT_JOBS |= {"tidy", "claims", "figures", "tables", "all"}


class Checkout:
    """A copy of the repository in which commands run as a user would type them."""

    def __init__(self, folder: Path):
        self.folder = folder
        ignored = shutil.ignore_patterns(
            ".git", ".venv", "results", ".snakemake", "__pycache__", "*.egg-info", ".*_cache"
        )
        shutil.copytree(REPOSITORY, folder, ignore=ignored, dirs_exist_ok=True)

    def run(self, *command: str, expect: int = 0) -> str:
        """Output of a command; its exit code must be ``expect`` (None: any)."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PATH": f"{BIN}:{os.environ['PATH']}"}
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        output = done.stdout + done.stderr
        assert expect is None or done.returncode == expect, output[-4000:]
        return output

    def snakemake(self, *arguments: str, expect: int = 0, scale: str = "ci", config: tuple = ()) -> str:
        command = ("snakemake", "--cores", "2", "--quiet=rules", *arguments)
        return self.run(*command, "--config", f"scale={scale}", *config, expect=expect)

    def copy(self, folder: Path) -> "Checkout":
        """A copy with results and Snakemake's memory, time stamps kept."""
        shutil.copytree(self.folder, folder)
        copied = object.__new__(Checkout)
        copied.folder = folder
        return copied


def jobs(output: str) -> dict[str, int]:
    """Rule -> number of jobs, from Snakemake's job statistics; empty when there is nothing to do."""
    if "Job stats:" not in output:
        assert "Nothing to be done" in output, output[-3000:]
        return {}
    table = output.split("Job stats:")[1].split("total")[0]
    return {name: int(count) for name, count in re.findall(r"^(\w+)\s+(\d+)$", table, re.M)}


def compute_jobs(output: str) -> dict[str, int]:
    return {name: count for name, count in jobs(output).items() if name not in REPORT_JOBS}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Checkout:
    """A checkout in which the whole ci scale has run once."""
    checkout = Checkout(tmp_path_factory.mktemp("finished") / "atbench")
    output = checkout.snakemake()
    assert "(100%) done" in output
    return checkout


@pytest.fixture
def scratchpad(finished, tmp_path) -> Checkout:
    """A copy of the finished checkout that a test may change."""
    return finished.copy(tmp_path / "atbench")


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
    scratchpad.snakemake("edm", config=("suites=[edm]",))
    assert (scratchpad.folder / "results/ci/edm/edm/seed0/config.json").exists()
    assert jobs(scratchpad.snakemake("-n", "edm", config=("suites=[edm]",))) == {}


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
