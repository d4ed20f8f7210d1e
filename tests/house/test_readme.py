"""The README's promises: one page, commands that parse against the present code, paths and files that exist."""

import re
import shlex
import tomllib

import yaml
from checkout import REPOSITORY

from atbench import cli

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
MOST_BYTES = 8192  # a landing page: the rest is in docs/


def test_it_is_a_landing_page():
    assert len(README.encode()) <= MOST_BYTES
    assert {"    make reproduce", "    make test"} <= {line.split("  #")[0].rstrip() for line in README.splitlines()}


def test_numbers_with_a_unit_stand_in_the_blocks_that_are_written_from_records():
    own = re.sub(r"<!-- (\w+): written by.*?<!-- end of \1 -->", "", README, flags=re.S)
    assert set(re.findall(r"\d[\d,.]* ?(?:%|(?:CPU )?seconds|minutes|hours|[kMG]B)", own)) <= {"95 %"}


def test_atbench_commands_parse(readme_commands):
    assert len(readme_commands) >= 12
    for command in (c for c in readme_commands if c.startswith("atbench ")):
        assert callable(cli.parser().parse_args(shlex.split(command)[1:]).verb), command


def test_make_targets_exist(readme_commands):
    for command in (c for c in readme_commands if c.startswith("make ")):
        assert re.search(rf"^{shlex.split(command)[1]}:", (REPOSITORY / "Makefile").read_text(), re.M), command


def test_local_links_and_paths_exist():
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    quoted = re.findall(r"`((?:atbench|experiments|results/released)/[\w./-]+)`", README)
    assert len(links) + len(quoted) > 15
    missing = [path for path in links + quoted if not (REPOSITORY / path).exists()]
    assert missing == []


def test_no_placeholder_is_left():
    assert re.findall(r"@[A-Z]+@", README) == []


def test_conda_file_is_in_step_with_the_lock():
    lock = (REPOSITORY / "requirements.lock").read_text()
    pinned = yaml.safe_load((REPOSITORY / "environment.yml").read_text())["dependencies"][-1]["pip"]
    exact = [entry for entry in pinned if "==" in entry]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    named = sum(project["optional-dependencies"].values(), project["dependencies"])
    direct = {re.match(r"[A-Za-z0-9-]+", name)[0].lower() for name in named}
    assert {entry.split("==")[0] for entry in exact} == direct
    for entry in exact:
        assert re.search(rf"^{re.escape(entry)}( ;| \\)", lock, re.M), entry


def test_the_citation_and_the_changes_name_the_version_of_the_package():
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["version"] == version and citation["cff-version"] == "1.2.0" and citation["authors"]
    assert f"## {version}\n" in (REPOSITORY / "CHANGELOG.md").read_text()
    assert yaml.safe_load((REPOSITORY / ".snakemake-workflow-catalog.yml").read_text())["usage"]["report"] is True


def test_the_lock_names_no_host_and_hashes_everything():
    lock = (REPOSITORY / "requirements.lock").read_text()
    assert "://" not in lock and "index-url" not in lock
    packages = re.split(r"^(?=[a-z0-9])", lock, flags=re.M)[1:]
    assert len(packages) > 50 and all("--hash=sha256:" in package for package in packages)
