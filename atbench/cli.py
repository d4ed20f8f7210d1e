"""The command line: verbs over addresses. torch is imported only inside the verbs that compute."""

import argparse
import os
import sys
from pathlib import Path

from atbench.config import default, load
from atbench.runtime import launch
from atbench.runtime.errors import UserError
from atbench.spec import address


def main(arguments: list[str] | None = None) -> int:
    """Run one verb. A user's mistake ends with one line on stderr and exit code 2."""
    try:
        options = parser().parse_args(arguments)  # inside: the defaults come from a file that may be wrong
        return options.verb(options) or 0
    except UserError as error:
        print(f"atbench: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe (head, less) left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def train(options: argparse.Namespace) -> None:
    """Train one run."""
    launch.in_processes()
    from atbench.tasks.train import train

    train(address.parse_run(options.run))


def reference(options: argparse.Namespace) -> None:
    """Build the reference features and rows that a suite is judged by."""
    from atbench.tasks.reference import reference

    reference(load(options.scale), options.suite, options.images)


def reconstruction(options: argparse.Namespace) -> None:
    """Score real images after the autoencoder of a suite in latent space."""
    from atbench.tasks.reconstruction import reconstruction

    reconstruction(load(options.scale), options.suite)


def evaluate(options: argparse.Namespace) -> None:
    """Evaluate cells of one scale."""
    wanted = [address.parse_cell(path) for path in options.cells]
    if len({cell.run.scale for cell in wanted}) > 1:
        raise UserError("cells: they belong to several scales; evaluate one scale at a time")
    launch.in_processes()
    from atbench.tasks.evaluate import evaluate

    evaluate(wanted)


def mismatch(options: argparse.Namespace) -> None:
    """Measure the mismatch between training and sampling of a run's last step."""
    from atbench.tasks.mismatch import mismatch

    mismatch(address.parse_run(options.run))


def heldout(options: argparse.Namespace) -> None:
    """Measure a run's loss on held-out images before and after training."""
    from atbench.tasks.heldout import heldout

    heldout(address.parse_run(options.run))


def cost(options: argparse.Namespace) -> None:
    """Measure what a training batch of each method costs."""
    from atbench.tasks.cost import cost

    cost(load(options.scale))


def mixture(options: argparse.Namespace) -> None:
    """Check robust objectives in closed form, on a Gaussian mixture."""
    from atbench.tasks.mixture import mixture

    mixture(load(options.scale))


def tune(options: argparse.Namespace) -> None:
    """Pick the winners of a finished tuning search."""
    from atbench.tasks.tune import choose

    choose(load(options.scale), options.suite)


def score(options: argparse.Namespace) -> None:
    """Measure images made elsewhere."""
    from atbench.tasks.score import score

    score(load(options.scale), options.suite, Path(options.samples), options.name)


def export(options: argparse.Namespace) -> None:
    """Write a cell's samples as npz."""
    from atbench.tasks.evaluate import export

    export(address.parse_cell(options.cell), Path(options.file), options.count)


def import_weights(options: argparse.Namespace) -> None:
    """Turn guided-diffusion's .pt weights into a run, or into a weights file."""
    from atbench.tasks.weights import import_file, import_run

    files = [Path(file) for file in options.files]
    if address.is_run(options.target):
        import_run(files, address.parse_run(options.target))
    elif len(files) > 1:
        raise UserError(f"{options.target}: not the address of a run, so it takes one file")
    else:
        print(import_file(files[0], Path(options.target), load(options.scale), options.suite))


def export_weights(options: argparse.Namespace) -> None:
    """Write a run's weights as guided-diffusion's .pt."""
    from atbench.tasks.weights import export

    export(*address.parse_snapshot(options.snapshot), Path(options.file), options.raw)


def report(options: argparse.Namespace) -> None:
    """Write tables and figures."""
    from atbench.report.build import build

    root = tree(options)
    for path in options.only:
        if not Path(path).is_relative_to(root):
            raise UserError(f"--only {path}: not below {root}")
    only = [str(Path(path).relative_to(root)) for path in options.only] or None
    for path in build(load(options.scale), root, suites_of(options), options.seeds, only=only):
        print(path)


def status(options: argparse.Namespace) -> None:
    """Show what is done, missing, stale or failed."""
    from atbench.report.status import status

    print(status(load(options.scale), tree(options), suites_of(options), options.stale, options.paths, options.time))


def show(options: argparse.Namespace) -> None:
    """Show one cell."""
    from atbench.report.show import show

    print(show(options.cell))


def plan(options: argparse.Namespace) -> None:
    """Estimate hours, disk and jobs of a scale from a few measured steps on this machine."""
    suites = suites_of(options)
    launch.with_allocator()
    from atbench.estimate.forecast import estimate

    print(estimate(load(options.scale), suites))


def compare(options: argparse.Namespace) -> int:
    """Judge this reproduction against the released results."""
    from atbench.report.compare import compare

    local, released = Path(address.ROOT, options.scale), Path(address.RELEASED, options.scale)
    text, code = compare(load(options.scale), local, released, suites_of(options))
    print(text)
    return code


def release(options: argparse.Namespace) -> None:
    """Copy a finished scale's JSON, tables and figures into results/released."""
    from atbench.tasks.release import release

    release(load(options.scale), suites_of(options))


def tree(options: argparse.Namespace) -> Path:
    """The scale's results folder that a reading verb looks at."""
    return Path(address.RELEASED if options.released else address.ROOT, options.scale)


def suites_of(options: argparse.Namespace) -> list[str]:
    """The suites named on the command line, or those of experiments/config.yaml."""
    chosen = options.suites or default("suites")
    for suite in chosen:
        load(options.scale).suite(suite)
    return chosen


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser(prog="atbench", description="Adversarial training of diffusion models: benchmark")
    verbs = top.add_subparsers(required=True, metavar="VERB")

    def verb(function, *scopes) -> argparse.ArgumentParser:
        summary = function.__doc__.strip()
        added = verbs.add_parser(function.__name__.replace("_", "-"), help=summary, description=summary)
        added.set_defaults(verb=function)
        if "scale" in scopes:
            added.add_argument("--scale", default=default("scale"), help="a file of experiments/scales")
        if "suites" in scopes:
            added.add_argument("--suites", nargs="+", default=[], help="default: those of experiments/config.yaml")
        if "tree" in scopes:
            added.add_argument("--released", action="store_true", help="look at results/released")
        return added

    for function in (train, mismatch, heldout):
        verb(function).add_argument("run", help="address of a run, results/<scale>/<suite>/<method>/seed<S>")
    building = verb(reference, "scale")
    building.add_argument("suite")
    building.add_argument("--images", type=int, help="so many of each split, for ...-n<images>.npz: judges nothing")
    verb(reconstruction, "scale").add_argument("suite")
    verb(evaluate).add_argument("cells", nargs="+", help="addresses of cells, .../<step>/<sampler>-nfe<N>.json")
    verb(cost, "scale")
    verb(mixture, "scale")
    verb(tune, "scale").add_argument("suite")
    scoring = verb(score, "scale")
    scoring.add_argument("samples", help="a folder of images or an npz with arr_0 (N, H, W, C) uint8")
    scoring.add_argument("--name", required=True, help="name of the row, e.g. my-method")
    scoring.add_argument("--suite", default="scratch", help="whose reference images judge (default: scratch)")
    exporting = verb(export)
    exporting.add_argument("cell")
    exporting.add_argument("file", help="npz to write")
    exporting.add_argument("--count", type=int, default=1024, help="number of images")
    importing = verb(import_weights, "scale")
    importing.add_argument("files", nargs="+", help="averaged and raw weights of a run, in any order")
    importing.add_argument("target", help="address of a run of a suite with `init: imported`, or a folder")
    importing.add_argument("--suite", default="scratch", help="for a folder: whose network it is (default: scratch)")
    exporting = verb(export_weights)
    exporting.add_argument("snapshot", help="results/<scale>/<suite>/<method>/seed<S>/<step>")
    exporting.add_argument("file", help=".pt to write")
    exporting.add_argument("--raw", action="store_true", help="the last step's raw weights, not their average")
    reporting = verb(report, "scale", "suites", "tree")
    reporting.add_argument("--seeds", type=int, nargs="+", help="default: the scale's")
    reporting.add_argument("--only", nargs="+", default=[], help="tables and figures to write; default: all")
    showing = verb(status, "scale", "suites", "tree")
    showing.add_argument("--stale", action="store_true", help="list only stale cells")
    showing.add_argument("--paths", action="store_true", help="bare paths, for Snakemake's -R")
    showing.add_argument("--time", action="store_true", help="CPU time by kind and the share of start-up")
    verb(show).add_argument("cell", help="address of a cell")
    planning = verb(plan, "suites")
    planning.add_argument("scale", nargs="?", default=default("scale"), help="a file of experiments/scales")
    verb(compare, "scale", "suites")
    verb(release, "scale", "suites")
    return top
