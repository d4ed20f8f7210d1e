"""Nothing from a file, and no word of the user's, is a command: what reaches a shell is quoted, or a number."""

import ast
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from checkout import REPOSITORY
from spoil import COMMANDS

RULES = sorted((REPOSITORY / "experiments/rules").glob("*.smk"))
PLACEHOLDER = re.compile(r"\{+(\w[^{}]*)\}+")
NUMBERS = ("resources.runtime", "queue.TIME_LIMIT_VARIABLE", "queue.SPARE", "IN_TIME")  # made here, not read


def shell_lines(file: Path) -> list[str]:
    """The text below every `shell:` of a rule, and what is put together for it before."""
    blocks = re.findall(r"^( +)shell:\n((?:\1 +.*\n)+)", file.read_text(), re.M)
    return [block for _, block in blocks] + re.findall(r"^IN_TIME = .*", file.read_text(), re.M)


def test_every_placeholder_of_a_shell_line_is_quoted():
    lines = [line for file in RULES for line in shell_lines(file)]
    found = [name for line in lines for name in PLACEHOLDER.findall(line)]
    assert len(lines) == sum(file.read_text().count(" shell:\n") for file in RULES) + 1 and len(found) > 50
    assert [name for name in found if not name.endswith(":q") and name not in NUMBERS] == []


def test_the_scan_sees_a_bare_placeholder(tmp_path):
    (tmp_path / "x.smk").write_text('rule x:\n    shell:\n        "cat {input} > {log:q}"\n')
    assert PLACEHOLDER.findall(shell_lines(tmp_path / "x.smk")[0]) == ["input", "log:q"]


@pytest.mark.parametrize("file", sorted((REPOSITORY / "atbench").rglob("*.py")), ids=lambda file: file.stem)
def test_the_package_starts_no_shell(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("os.system", "os.popen", "subprocess.getoutput")
            assert "shell" not in [keyword.arg for keyword in node.keywords], f"line {node.lineno}"


@pytest.fixture
def stubbed(tmp_path):
    """A folder in which `make` finds an environment whose commands only write down their arguments."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    commands = tmp_path / ".venv/bin"
    commands.mkdir(parents=True)
    for name in ("requirements.lock", "pyproject.toml", ".venv/ready"):
        (tmp_path / name).touch()
    for name in ("snakemake", "atbench"):
        (commands / name).write_text("#!/bin/sh\nprintf '%s\\n' \"$@\" >> arguments\n")
        (commands / name).chmod(0o755)
    return tmp_path


def made(folder: Path, *words: str) -> list[str]:
    """The arguments that the commands of a target were given."""
    subprocess.run(["make", *words], cwd=folder, env=os.environ, capture_output=True, text=True, check=True)
    return (folder / "arguments").read_text().splitlines()


@pytest.mark.parametrize("words", COMMANDS)
def test_make_hands_on_what_it_is_given_as_text(stubbed, words):
    given = made(stubbed, "cell", f"CELL=results/{words}/x.json", f"CORES={words}")
    snakemake = ["--quiet=rules", "--cores", words, "--force", f"results/{words}/x.json", "--config", f"scale={words}"]
    assert given == [*snakemake, "report", "--scale", words]
    (stubbed / "arguments").unlink()
    assert f"scale={words}" in made(stubbed, "reproduce", f"SCALE={words}")
    (stubbed / "arguments").unlink()
    given = ["report", "--scale", words, "--released", "--html", "--merge", words]
    assert made(stubbed, "report", f"SCALE={words}", f"MERGE={words}") == given
    for target in ("tune", "plan"):
        assert f"scale={words}" in made(stubbed, target, f"SCALE={words}")
    assert made(stubbed, "release", f"SCALE={words}", f"SUITES={words}")[-len(words.split()) :] == words.split()
    assert made(stubbed, "release", f"SCALE={words}", f"SEEDS={words}")[-len(words.split()) :] == words.split()
    assert not (stubbed / "P").exists()


@pytest.mark.parametrize("name", [name for name in COMMANDS if "/" not in name])
def test_make_hands_on_names_of_released_folders_as_text(stubbed, name):
    folder = stubbed / "results/released" / name
    folder.mkdir(parents=True)
    (folder / "manifest.json").touch()
    assert f"scale={name}" in made(stubbed, "figures") and not (stubbed / "P").exists()
    (stubbed / "arguments").unlink()
    (folder.parent / "other").mkdir()
    (folder.parent / "other/manifest.json").touch()
    asked = made(stubbed, "figures", f"SCALE={name}")
    assert f"scale={name}" in asked and "scale=other" not in asked and not (stubbed / "P").exists()


def test_make_figures_of_a_scale_that_is_not_released_says_so(stubbed):
    refused = subprocess.run(["make", "figures", "SCALE=lap top"], cwd=stubbed, capture_output=True, text=True)
    assert refused.returncode and "results/released/lap top: no such release" in refused.stdout
