"""The verbs, each over addresses or a scale. torch is imported only inside the verbs that compute."""

import argparse
import sys
from pathlib import Path

from atbench.cli.put import put
from atbench.runtime import launch
from atbench.runtime.errors import UserError
from atbench.runtime.listing import document
from atbench.spec import address
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import load, load_cell, load_run, suites_at, workflow
from atbench.spec.places import absent
from atbench.spec.suite import SEARCH_PREFIX
from atbench.spec.tuning import looks_through


def train(options: argparse.Namespace) -> None:
    """Train one run."""
    launch.in_processes()
    from atbench.tasks.train import train

    train(load_run(address.parse_run(options.run)))


def reference(options: argparse.Namespace) -> None:
    """Build the reference features and rows that a suite is judged by."""
    from atbench.tasks.reference import reference

    reference(load(options.scale).suite(options.suite), options.images)


def reconstruction(options: argparse.Namespace) -> None:
    """Score real images after the autoencoder of a suite in latent space."""
    from atbench.tasks.reconstruction import reconstruction

    reconstruction(load(options.scale).suite(options.suite))


def evaluate(options: argparse.Namespace) -> None:
    """Evaluate cells of one scale."""
    whole = [Path(path).parent for path in options.results if Path(path).name == address.EVALUATION]
    cells = [load_cell(address.parse_cell(path)) for path in options.results if Path(path).name != address.EVALUATION]
    runs = [load_run(address.parse_run(path)) for path in whole]
    if len({run.address.scale for run in [*runs, *(cell.run for cell in cells)]}) > 1:
        raise UserError("cells: they belong to several scales; evaluate one scale at a time")
    launch.in_processes()
    from atbench.tasks import evaluate_run
    from atbench.tasks.evaluate import evaluate

    if cells:
        evaluate(cells)
    for run in runs:
        evaluate_run.evaluate_run(run)


def take(options: argparse.Namespace) -> None:
    """Take the released weights of a run, as if it had been trained here."""
    from atbench.tasks.take import take

    take(load_run(address.parse_run(options.run)))


def measure(options: argparse.Namespace) -> None:
    """Make a side measure: of one run, or of a scale."""
    from atbench.tasks.measure import measure

    measure(options.name, options.run, options.scale)


def tune(options: argparse.Namespace) -> None:
    """Pick the winners of a finished tuning search."""
    from atbench.tasks.tune import choose
    from atbench.tasks.tune_samplers import choose_samplers

    benchmark = load(options.scale)
    chosen = choose_samplers if looks_through(benchmark.tuning, options.suite) else choose
    chosen(benchmark.suite(SEARCH_PREFIX + options.suite))


def report(options: argparse.Namespace) -> None:
    """Write tables and figures, or all of them as one page to be opened in a browser."""
    if options.html is not None or options.merge:
        return page(options)
    from atbench.report.build import build

    benchmark, root = shown(options)
    for path in options.only:
        if not Path(path).is_relative_to(root):
            raise UserError(f"--only {path}: not below {root}")
    only = [str(Path(path).relative_to(root)) for path in options.only] or None
    for path in build(benchmark, root, reported(options, benchmark, root), options.seeds, only, options.width):
        print(path)


def page(options: argparse.Namespace) -> None:
    """The page of `report --html`."""
    from atbench.report.artefact import PAGE

    if options.only:
        raise UserError("--only: names tables and figures, which the page holds all of: leave it out")
    if options.width != PAGE:
        raise UserError(f"--width {options.width}: the page to be opened in a browser fits any width: leave it out")
    from atbench.report.page.build import build
    from atbench.tasks.real_images import real_images

    benchmark, root = shown(options)
    suites = reported(options, benchmark, root)
    file = Path(options.html or Path(address.ROOT, options.scale, address.PAGE))
    others = [Path(folder) for folder in options.merge]
    print(build(benchmark, root, suites, file, options.seeds, real_images(benchmark, suites), others))


def reported(options: argparse.Namespace, benchmark: Benchmark, root: Path) -> list[str]:
    """The suites named, or all that have results. Raises UserError where there are none."""
    from atbench.reading.sheet import with_results, without_results

    if suites := suites_of(options) if options.suites else with_results(benchmark, root):
        return suites
    raise without_results(benchmark, root)


def status(options: argparse.Namespace) -> None:
    """Show what is done, missing, stale or failed."""
    from atbench.report.status import status

    found = status(*shown(options), suites_of(options), options.stale, options.paths, options.time)
    put(found, options)


def watch(options: argparse.Namespace) -> int:
    """Look on while a workflow runs: jobs, loss, delta RMS, images/s, time left; a line a minute without a terminal."""
    from atbench.workflow.onlooker import look_on
    from atbench.workflow.taken import watch_of
    from atbench.workflow.watch import glance

    watched = watch_of(load(options.scale), suites_of(options))
    command = [word for word in options.command if word != "--"]
    if not options.json:
        return look_on(watched, command)
    if command:
        raise UserError("--json: one look at what runs, which starts nothing: leave the command out")
    print(document(glance(watched)))
    return 0


def tour(options: argparse.Namespace) -> None:
    """Say in four lines what `make tour` has shown, and what to type next."""
    from atbench.report.tour import SCALE, tour

    print(tour(load(SCALE)))


def show(options: argparse.Namespace) -> None:
    """Show one cell."""
    from atbench.report.show import show

    put(show(options.cell), options)


def jobs(options: argparse.Namespace) -> None:
    """Show jobs, cells, batches and hours of a scale by its own numbers: measures nothing."""
    from atbench.spec.timetable import timetable

    put(timetable(load(options.scale), suites_of(options)), options)


def estimate(options: argparse.Namespace) -> None:
    """Estimate hours, disk and jobs of a scale from a few measured steps on this machine."""
    suites = suites_of(options)
    for missing in absent(load(options.scale), suites):
        print(f"atbench: {missing}", file=sys.stderr)
    launch.with_allocator()
    from atbench.estimate.forecast import estimate

    put(estimate(load(options.scale), suites), options)


def compare(options: argparse.Namespace) -> int:
    """Judge this reproduction against the released results."""
    from atbench.report.compare import compare

    local, released = Path(address.ROOT, options.scale), Path(address.RELEASED, options.scale)
    found, code = compare(load(options.scale), local, released, suites_of(options))
    put(found, options)
    return code


def release(options: argparse.Namespace) -> None:
    """Keep a finished scale's records in results/released, and draw its tables and figures from them."""
    from atbench.tasks.release import release

    release(load(options.scale), suites_of(options), options.seeds)


def readme(options: argparse.Namespace) -> None:
    """Write the README's verdict table, picture and times, and the numbers in pages, from the released records."""
    from atbench.report import prose
    from atbench.report.readme import write
    from atbench.spec import yaml

    for path in [*write(yaml.ROOT / "README.md"), *prose.write(yaml.ROOT)]:
        print(path.relative_to(yaml.ROOT))


def schema(options: argparse.Namespace) -> None:
    """Write the JSON Schemas of the experiment files and the pages of all keys and commands, from their types."""
    from atbench.cli import page
    from atbench.spec import yaml
    from atbench.spec.schema import write

    commands = page.write(options.whole, yaml.ROOT / "Makefile", yaml.ROOT / "docs")
    for path in [*write(yaml.EXPERIMENTS, yaml.ROOT / "docs"), commands]:
        print(path.relative_to(yaml.ROOT))


def shown(options: argparse.Namespace) -> tuple[Benchmark, Path]:
    """The scale and the folder of its results that a reading verb looks at, under the protocol of these results."""
    from atbench.reading.tree import of_its_time

    root = Path(address.RELEASED if options.released else address.ROOT, options.scale)
    return of_its_time(load(options.scale), root), root


def suites_of(options: argparse.Namespace) -> list[str]:
    """The suites named on the command line, or those of experiments/config.yaml that the scale has."""
    benchmark = load(options.scale)
    chosen = suites_at(benchmark, options.suites or workflow().suites)
    for suite in chosen:
        benchmark.suite(suite)
    return chosen
