"""What a release keeps of side measures: their records, copied while they are current; pages are drawn from these."""

from pathlib import Path
from typing import Any

from atbench.reading import doubt
from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.spec.address import ROOT, is_cell, parse_cell
from atbench.spec.benchmark import Benchmark, Suite
from atbench.spec.probes import probes_of_runs, probes_of_scales
from atbench.spec.run import CellSpec, RunSpec

AGAIN = "measure it again before releasing"


def of_suite(suite: Suite) -> list[Path]:
    """What side measures wrote of a suite's runs; nothing of one with tables that has not measured every run yet.

    Raises UserError for a file that another configuration made.
    """
    found = []
    for probe in probes_of_runs().values():
        if suite.name in probe.suites(suite.benchmark):
            files = {run: probe.files(run) for run in suite.runs()}
            done = [run for run, paths in files.items() if all(path.exists() for path in paths)]
            if len(done) == len(files) or not probe.artefacts(suite.name):
                found += [_of_run(probe, run, path) for run in done for path in files[run]]
    return found


def of_scale(benchmark: Benchmark) -> list[Path]:
    """The JSON of every side measure of the scale that there is. Raises UserError as `of_suite` does."""
    done = {probe.path(benchmark): probe for probe in probes_of_scales().values() if probe.path(benchmark).exists()}
    for path, probe in done.items():
        if probe.form.read(path)["config"] != probe.digests(benchmark):
            raise UserError(f"{path}: configuration changed; {AGAIN}")
    return list(done)


def pages(benchmark: Benchmark, root: Path, suites: list[str]) -> list[str]:
    """The tables and figures of side measures of which there are records below ``root``, relative to it."""
    tree, made = Tree(root), []
    for probe in probes_of_runs().values():
        for name in [name for name in probe.suites(benchmark) if name in suites]:
            files = [path for run in benchmark.suite(name).runs() for path in probe.files(run)]
            made += probe.artefacts(name) if any(tree.source(_below(root, benchmark, path)) for path in files) else []
    for probe in probes_of_scales().values():
        made += probe.artefacts() if _below(root, benchmark, probe.path(benchmark)).exists() else []
    return [path for artefact in made for path in artefact.paths]


def pages_of(suite: Suite) -> list[str]:
    """Every table and figure of side measures that belongs to a suite alone."""
    found = [probe for probe in probes_of_runs().values() if suite.name in probe.suites(suite.benchmark)]
    return [path for probe in found for made in probe.artefacts(suite.name) for path in made.paths]


def current(cell: CellSpec) -> Path:
    """The record of a cell. Raises UserError for one that another configuration or other files made."""
    path, tree = cell.address.path, Tree(Path(cell.address.run.root, cell.address.run.scale))
    if (record := tree.cell(cell.address)) and (problem := doubt.of_cell(tree, cell, record)):
        raise UserError(f"{cell}: {problem}; evaluate it again before releasing")
    return path


def _of_run(probe: Any, run: RunSpec, path: Path) -> Path:
    if is_cell(str(path)):
        address = parse_cell(path)
        return current(run.cell(address.step, address.sampler, address.nfe))
    tree = Tree(Path(run.address.root, run.address.scale))
    if problem := doubt.of_measure(tree, run, probe.form.read(path), probe.digests(run)):
        raise UserError(f"{path}: {problem}; {AGAIN}")
    return path


def _below(root: Path, benchmark: Benchmark, path: Path) -> Path:
    """A local path of the scale, as it stands below another root."""
    return root / path.relative_to(Path(ROOT, benchmark.scale))
