"""docs/tutorial-own-method.md, carried out: files written, entries added, commands run that say what it promises."""

import re
import shlex
import shutil

import pytest
from checkout import REPOSITORY, Checkout

from atbench import cli
from atbench.contracts.check import check

PAGE = REPOSITORY / "docs/tutorial-own-method.md"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.M | re.S)


def carry_out(page: str, checkout: Checkout) -> None:
    """The blocks of a page in their order: `sh` is run, `text` stands in what it said, titled ones are files.

    A titled Python block is the file, a titled YAML block is added to it.
    """
    said = ""
    for language, title, text in BLOCK.findall(page):
        file = checkout.folder / title
        if title and language == "python":
            assert file.exists()  # the skeleton that it takes the place of
            file.write_text(text)
        elif title:
            file.write_text(file.read_text() + text)
        elif language == "sh":
            said = "".join(checkout.run("bash", "-euo", "pipefail", "-c", line) for line in text.splitlines())
        else:
            assert language == "text" and said
            for line in text.splitlines():
                assert line in said, f"{line!r} is not in\n{said}"


def only_the_method_is_stale(checkout: Checkout, scale: str) -> None:
    """After the page's edit of the plugin: all cells of the method, and nothing else."""
    stale = checkout.run("atbench", "status", "--scale", scale, "--suites", "scratch", "--stale", "--paths").split()
    declared = checkout.run("ls", f"results/{scale}/scratch/previous-error/seed0/final").split()
    cells = [name for name in declared if re.search(r"-nfe\d+\.json$", name)]
    own = [path for path in stale if path.startswith(f"results/{scale}/scratch/previous-error/")]
    assert own == stale and len([path for path in own if "/final/" in path]) == len(cells) > 4


def test_the_tutorial_leads_to_a_row_and_a_verdict(scratchpad):
    """At the scale `ci`, where no weights are released and numbers mean nothing."""
    page = PAGE.read_text().replace("scale=tour", "scale=ci").replace("--scale tour", "--scale ci")
    carry_out(page.replace("results/tour", "results/ci"), scratchpad)
    only_the_method_is_stale(scratchpad, "ci")


@pytest.mark.journey
def test_the_tutorial_as_it_is_written_trains_its_own_method_alone(tmp_path):
    """At the scale `tour`, from a fresh clone: the weights of the other methods are taken."""
    clone = Checkout(tmp_path / "atbench")
    shutil.copytree(REPOSITORY / "results/released", clone.folder / "results/released")
    carry_out(PAGE.read_text(), clone)
    only_the_method_is_stale(clone, "tour")
    suite = clone.folder / "results/tour/scratch"
    assert [log.parts[-3] for log in suite.glob("*/seed0/train.log")] == ["previous-error"]
    assert sorted(log.parts[-3] for log in suite.glob("*/seed0/take.log")) == ["adm", "at", "ip"]


def test_without_its_passes_the_check_fails_as_the_page_says(tmp_path):
    [text] = [text for language, _, text in BLOCK.findall(PAGE.read_text()) if language == "python"]
    file = tmp_path / "previous.py"
    kept = [line for line in text.splitlines(keepends=True) if "passes: ClassVar" not in line]
    file.write_text("".join(kept))
    failed = {finding.check: finding.reason for finding in check(file, {"gap": 100}) if finding.verdict == "FAIL"}
    assert failed.keys() == {"budget"} and "declare `passes: ClassVar[int] = 1`" in failed["budget"]


def test_its_atbench_commands_parse():
    blocks = [text for language, _, text in BLOCK.findall(PAGE.read_text()) if language == "sh"]
    commands = [shlex.split(line) for text in blocks for line in text.splitlines() if line.startswith("atbench ")]
    assert len(commands) >= 4
    assert all(callable(cli.parser().parse_args(command[1:]).verb) for command in commands)
