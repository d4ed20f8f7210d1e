"""The documentation's promises: commands that parse, targets that exist, code that runs, pages that are found."""

import importlib
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pages
import pytest
import yaml
from checkout import REPOSITORY, link_released

from atbench import cli
from atbench.cli.page import verbs_of
from atbench.report.outputs import outputs
from atbench.spec import address
from atbench.spec.load import load
from atbench.spec.probes import probes, probes_of_runs, probes_of_scales
from atbench.spec.yaml import EXPERIMENTS, yaml_files

MAKEFILE = (REPOSITORY / "Makefile").read_text()
WRITTEN = [page for page in pages.DOCS if page.name not in pages.GENERATED]
PROSE = [*WRITTEN, REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"]
NAMED = {Path(block.title).stem for page in pages.DOCS for block in pages.blocks(page)}  # what a reader makes by a page
BEGUN = set(re.findall(r"atbench init ([a-z0-9-]+)", "".join(page.read_text() for page in pages.DOCS)))  # their scales
SCALES = BEGUN | {path.stem for path in yaml_files(EXPERIMENTS / "scales")} | NAMED
RULES = {"cells", "tables", "figures", "report_page", "tune", "all"}
VALUED = (
    "--cores",
    "--profile",
    "--report",
    "--resources",
    "--retries",
    "-R",
)  # options of Snakemake that take a value
SHOWN = sorted({(page.name, command) for page in WRITTEN for command in pages.shown(page)})


def inline(page: Path) -> Iterator[str]:
    """Commands in the running text of a page that are whole: no dots, no word in capitals for the reader's own."""
    text = re.sub(r"\s+", " ", re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S))
    for command in re.findall(r"`((?:snakemake|make|atbench) [^`]+)`", text):
        if not re.search(r"\.\.\.|\b[A-Z]{4,}\b(?!=)|=[A-Z]{2,}\b", command):
            yield command


INLINE = sorted({(page.name, command) for page in PROSE for command in inline(page)})


def of(program: str, *found: list) -> list:
    return [each for commands in found for each in commands if each[1].startswith(f"{program} ")]


def test_commands_are_found():
    assert len(SHOWN) > 30 and len(INLINE) > 40


@pytest.mark.parametrize(("page", "command"), of("atbench", SHOWN))
def test_commands_parse(page, command):
    assert callable(cli.parser().parse_args(shlex.split(command)[1:]).verb), page


@pytest.mark.parametrize(("page", "command"), of("atbench", INLINE))
def test_verbs_and_options_in_the_text_exist(page, command):
    _, verb, *rest = shlex.split(command)
    options = verbs_of(cli.parser())[verb]._option_string_actions
    assert [word for word in rest if word.startswith("--") and word not in options] == [], page


@pytest.mark.parametrize(("page", "command"), of("make", SHOWN, INLINE))
def test_targets_of_make_exist(page, command):
    assert re.search(rf"^{re.escape(command.split()[1])}:", MAKEFILE, re.M), page


@pytest.mark.parametrize(("page", "command"), of("snakemake", SHOWN, INLINE))
def test_targets_of_snakemake_exist(page, command):
    words = shlex.split(command)[1:]
    split = words.index("--config") if "--config" in words else len(words)
    for key, value in (word.split("=", 1) for word in words[split + 1 :] if "=" in word):
        assert key != "scale" or value in SCALES, page
        suites = re.findall(r"[\w-]+", value) if key == "suites" else []
        assert set(suites) <= set(load("laptop").declared), page
    targets = [word for before, word in zip(["", *words], words[:split]) if before not in VALUED]
    known = RULES | set(load("laptop").declared) | set(probes()) | NAMED
    for target in (word for word in targets if not word.startswith("-")):
        assert is_result(target) if target.startswith("results/") else target in known, (page, target)


def is_result(path: str) -> bool:
    """Whether a path is one that a scale declares, or the address of a run or cell."""
    scale, _, rest = path.removeprefix("results/").partition("/")
    if scale not in SCALES:
        return False
    if address.is_cell(path) or address.is_run(str(Path(path).parent)) or "/final/" in path:
        return True
    return rest in declared(scale)


def declared(scale: str) -> set[str]:
    """Tables and figures of a scale, those of its side measures too."""
    benchmark = load(scale)
    suites = [name for name in benchmark.suites if benchmark.suite(name).samplers]
    measured = [
        made for name, probe in probes_of_runs().items() for s in probe.suites(benchmark) for made in probe.artefacts(s)
    ]
    measured += [made for probe in probes_of_scales().values() for made in probe.artefacts()]
    return {*outputs(benchmark, suites), *(path for made in measured for path in made.paths)}


def test_a_wrong_path_is_seen():
    assert is_result("results/laptop/tables/scratch.md") and not is_result("results/laptop/tables/scrach.md")
    assert not is_result("results/laptopp/tables/scratch.md")


def test_every_suite_of_the_default_run_and_every_side_measure_is_on_the_map_of_the_paper():
    text = (REPOSITORY / "docs/paper-map.md").read_text()
    for name in (*load("laptop").declared, *probes()):
        rests = name in (
            "extractor",
            "autoencoder",
            "latent",
            "edm",
            "head-start",
            "imported",
            "imported-class-conditional",
            "heldout",
        )
        assert rests or f"`{name}`" in text, name


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.name)
def test_quoted_paths_of_the_repository_exist(page):
    quoted = re.findall(r"`((?:atbench|experiments|tests|docs|results/released)/[\w./-]+)`", page.read_text())
    own = {block.title for each in pages.DOCS for block in pages.blocks(each)}
    own |= {f"experiments/scales/{name}.yaml" for name in BEGUN}
    assert [path for path in quoted if not (REPOSITORY / path).exists() and path not in own] == []


PYTHON = [
    (page.name, block) for page in WRITTEN for block in pages.blocks(page) if block.language in ("python", "yaml")
]


@pytest.mark.parametrize(("page", "block"), PYTHON, ids=[f"{name}:{block.title}" for name, block in PYTHON])
def test_code_of_the_pages_runs(page, block, monkeypatch, tmp_path):
    """In a folder that holds the released results, as a fresh clone does."""
    link_released(tmp_path)
    monkeypatch.chdir(tmp_path)
    if block.language == "yaml":
        assert isinstance(yaml.safe_load(block.text), dict), page
        return
    module = ModuleType(block.title.removesuffix(".py").replace("/", ".") or "page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(block.text, f"{page}:{block.title}", "exec"), module.__dict__)


def test_every_page_is_in_the_navigation():
    site = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())
    entries = [
        entry if isinstance(entry, str) else next(iter(entry.values()))
        for part in site["nav"]
        for entry in next(iter(part.values()))
    ]
    pages_of_docs = {page.relative_to(REPOSITORY / "docs").as_posix() for page in pages.DOCS}
    assert pages_of_docs - set(entries) == set()
    assert len(entries) == len(set(entries))


def build(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder / "site"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A copy of what the site is made of, built once."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("docs", "atbench", "experiments", "results", "tests"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "mkdocs.yml"):
        shutil.copy(REPOSITORY / name, folder)
    built = build(folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_the_site_builds_strictly_with_what_its_pages_link_to(site):
    front = (site / "site/index.html").read_text()
    assert "Two commands" in front and 'src="images/verdicts.svg"' in front
    assert (site / "site/results/released/workstation/tables/claims/index.html").exists()
    assert (site / "site/results/released/workstation/figures/scratch-quality-nfe.png").exists()
    assert "noise-prediction" in (site / "site/experiments/methods.yaml/index.html").read_text()
    foreign = [
        page
        for page in (site / "site").rglob("*.html")
        if re.search(r'(?:src|href)="https?://[^"]+\.(?:js|css)', page.read_text())
    ]
    assert foreign == []


@pytest.mark.slow
def test_links_that_lead_nowhere_stop_the_site(site):
    page = site / "docs/faq.md"
    whole = page.read_text()
    page.write_text(f"{whole}\n[x](nowhere.md) [x](../results/released/nothing.csv) [x](#no-such-part)\n")
    built = build(site)
    page.write_text(whole)
    assert built.returncode != 0
    for word in ("nowhere.md", "released/nothing.csv", "no-such-part"):
        assert re.search(f"'faq.md' contains a link '[^']*{word}'", built.stderr), word


@pytest.mark.slow
def test_links_of_the_notebook_are_those_of_the_site(site):
    example, page = site / "docs/example.ipynb", site / "site/example/index.html"
    assert 'href="../own-images/"' in page.read_text() and 'href="own-images.md"' not in page.read_text()
    whole = example.read_text()
    example.write_text(whole.replace("(own-images.md)", "(nowhere.md)"))
    built = build(site)
    example.write_text(whole)
    assert built.returncode != 0 and "example.ipynb: a link to nowhere.md, which is no page" in built.stderr


@pytest.mark.parametrize(
    "path",
    ["README.md", "docs/faq.md", "CHANGELOG.md", "LICENSE", "experiments/methods.yaml", "results/released/evidence.md"],
)
def test_a_place_of_the_site_is_that_of_one_file(path, monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "docs"))
    hooks = importlib.import_module("_hooks")
    assert hooks.origin(hooks.place(path)) == path
