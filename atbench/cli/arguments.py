"""What every verb takes."""

import argparse
from collections.abc import Callable
from importlib.metadata import version

from atbench.cli import own, verbs
from atbench.cli.examples import EXAMPLES
from atbench.runtime.errors import UserError
from atbench.spec import address
from atbench.spec.load import workflow
from atbench.spec.probes import probes

AS_WRITTEN = argparse.RawDescriptionHelpFormatter  # an example is one line, to be copied
Verb = Callable[..., argparse.ArgumentParser]  # adds a verb with the options of some scopes: scale, suites, tree, json


class EachOnce(argparse.Action):
    """Values of which none may stand there twice, and no number below 0."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        for place, value in enumerate(values):
            if value in values[:place]:
                raise UserError(f"{option_string}: {value} stands there twice")
            if isinstance(value, int) and value < 0:
                raise UserError(f"{option_string}: {value}: a seed is 0 or more")
        setattr(namespace, self.dest, values)


def parser() -> argparse.ArgumentParser:
    """All verbs and their options."""
    top = argparse.ArgumentParser("atbench", "atbench [-h] [--version] VERB ...", formatter_class=AS_WRITTEN)
    top.add_argument("--version", action="version", version=f"atbench {version('atbench')}")
    added_to = top.add_subparsers(required=True, metavar="VERB", help=argparse.SUPPRESS)
    lines = ["Adversarial training of diffusion models: a benchmark. `atbench VERB --help` says more, with an example."]

    def verb(function, *scopes) -> argparse.ArgumentParser:
        name, summary = function.__name__.replace("_", "-"), function.__doc__.strip()
        added = added_to.add_parser(
            name,
            prog=f"atbench {name}",
            description=summary,
            epilog=f"example: {EXAMPLES[name]}",
            formatter_class=AS_WRITTEN,
        )
        added.set_defaults(verb=function)
        lines.append(f"  {name:<16}{summary}")
        if "scale" in scopes:
            added.add_argument("--scale", default=workflow().scale, help="a file of experiments/scales")
        if "suites" in scopes:
            added.add_argument(
                "--suites", nargs="+", action=EachOnce, default=[], help="default: those of experiments/config.yaml"
            )
        if "tree" in scopes:
            added.add_argument("--released", action="store_true", help="look at results/released")
        if "json" in scopes:
            added.add_argument("--json", action="store_true", help="one JSON document, and nothing else on stdout")
        return added

    for title, add in (("make results", computing), ("look at results", reading), ("bring your own", owning)):
        lines += ["", f"{title}:"]
        add(verb)
    top.description = "\n".join(lines)
    added_to.choices["schema"].set_defaults(whole=top)  # whose page it writes
    return top


def computing(verb: Verb) -> None:
    """The verbs that make results."""
    address_of_run = "address of a run, results/<scale>/<suite>/<method>/seed<S>"
    verb(verbs.train).add_argument("run", help=address_of_run)
    verb(verbs.take).add_argument("run", help=address_of_run)
    building = verb(verbs.reference, "scale")
    building.add_argument("suite", help="a suite whose cells are judged by them")
    several = "images per split; writes ...-n<images>.npz, which is not used to score cells"
    building.add_argument("--images", type=int, help=several)
    verb(verbs.reconstruction, "scale").add_argument("suite", help="a suite in latent space")
    results = f"cells, .../<step>/<sampler>-nfe<N>.json, or all declared of a run, .../{address.EVALUATION}"
    verb(verbs.evaluate).add_argument("results", nargs="+", help=results)
    measuring = verb(verbs.measure, "scale")
    measuring.add_argument("name", help=f"one of {', '.join(probes())}")
    measuring.add_argument("run", nargs="?", help=f"{address_of_run}, for what is measured of runs")
    verb(verbs.tune, "scale").add_argument("suite", help="a suite of experiments/tuning.yaml, or SUITE-samplers")


def reading(verb: Verb) -> None:
    """The verbs that say what there is, or would be."""
    reporting = verb(verbs.report, "scale", "tree")
    reporting.add_argument("--suites", nargs="+", action=EachOnce, default=[], help="default: all that have results")
    reporting.add_argument("--seeds", type=int, nargs="+", action=EachOnce, help="default: the scale's")
    reporting.add_argument("--only", nargs="+", default=[], help="tables and figures to write; default: all")
    wide = "of figures: column (3.25 in, into figures/column, no tables) or page (6.75 in)"
    reporting.add_argument("--width", choices=[*address.WIDTHS], default=next(iter(address.WIDTHS)), help=wide)
    page = f"a page to be opened in a browser, in place of tables and figures (default: results/<scale>/{address.PAGE})"
    reporting.add_argument("--html", nargs="?", const="", metavar="FILE", help=page)
    beside = "folders with results of the same scale, say of another machine, which the page sets beside ours"
    reporting.add_argument("--merge", nargs="+", default=[], metavar="FOLDER", help=beside)
    showing = verb(verbs.status, "scale", "suites", "tree", "json")
    showing.add_argument("--stale", action="store_true", help="list only stale cells")
    showing.add_argument("--paths", action="store_true", help="bare paths, for Snakemake's -R")
    showing.add_argument("--time", action="store_true", help="CPU time by kind and the share of start-up")
    watching = verb(verbs.watch, "scale", "suites", "json")
    watching.add_argument("command", nargs=argparse.REMAINDER, help="-- COMMAND to start and to look on until its end")
    verb(verbs.tour)
    verb(verbs.show, "json").add_argument("cell", help="address of a cell")
    verb(verbs.jobs, "scale", "suites", "json")
    estimating = verb(verbs.estimate, "suites", "json")
    estimating.add_argument("scale", nargs="?", default=workflow().scale, help="a file of experiments/scales")
    verb(verbs.compare, "scale", "suites", "json")
    releasing = verb(verbs.release, "scale", "suites")
    releasing.add_argument(
        "--seeds", type=int, nargs="+", action=EachOnce, help="of these suites; what other seeds released stays"
    )
    verb(verbs.readme)
    verb(verbs.schema)


def owning(verb: Verb) -> None:
    """The verbs for what is one's own: images, samples, checkpoints, perturbations and the like."""
    beginning = verb(own.init)
    beginning.add_argument("name", help="of the study, and of its file experiments/scales/<name>.yaml")
    beginning.add_argument("--images", required=True, help="folder of PNG or JPEG files, or of sub-folders of them")
    beginning.add_argument("--size", type=int, help="pixels per side (default: what the images have, at most 64)")
    parts = beginning.add_mutually_exclusive_group()
    parts.add_argument("--held-out", type=float, help="share of the images that is never trained on (default: 0.25)")
    parts.add_argument("--held-out-folders", nargs="+", default=[], help="sub-folders to hold out whole instead")
    beginning.add_argument("--no-probe", dest="probe", action="store_false", help="do not time this machine")
    scoring = verb(own.score, "scale", "json")
    sets = "folders of images, or npz files with arr_0 (N, H, W, C) uint8"
    scoring.add_argument("samples", nargs="+", help=sets)
    scoring.add_argument("--name", nargs="+", help="names of their rows, e.g. my-method (default: those of the files)")
    scoring.add_argument("--csv", help="a file for all numbers, a line per set")
    public = "NAME=FILE: real images as others publish them, npz with mu and sigma or arr_0, under a name of your own"
    scoring.add_argument("--against", nargs="+", default=[], metavar="NAME=FILE", help=public)
    scoring.add_argument("--suite", default="scratch", help="whose reference images judge (default: scratch)")
    exporting = verb(own.export)
    exporting.add_argument("cell", help="address of a cell")
    exporting.add_argument("file", help="npz to write")
    exporting.add_argument("--count", type=int, help="number of images; without it, as many as the cell is judged by")
    importing = verb(own.import_weights, "scale")
    importing.add_argument(
        "files", nargs="+", help="averaged and raw weights, in any order: .pt files or folders of diffusers"
    )
    importing.add_argument("target", help="address of a run of a suite with `init: imported`, or a folder")
    importing.add_argument("--suite", default="scratch", help="for a folder: whose network it is (default: scratch)")
    adopting = verb(own.adopt)
    adopting.add_argument("name", help="of the scale, and of its file experiments/scales/<name>.yaml")
    adopting.add_argument("ema", help="averaged weights, which are sampled from: a .pt file, or a folder of diffusers")
    adopting.add_argument("raw", nargs="?", help="the weights themselves, for fine-tuning to start from")
    adopting.add_argument("--like", default=workflow().scale, help="the scale whose network and images they are of")
    adopting.add_argument("--method", default="adm", help="adm, ip or at: their row in tables (default: adm)")
    adopting.add_argument("--batches", type=int, help="that they were trained for (default: what their name ends with)")
    adopting.add_argument("--run", action="store_true", help="then make the cells, tables and figures")
    exporting = verb(own.export_weights)
    exporting.add_argument("snapshot", help="results/<scale>/<suite>/<method>/seed<S>/<step>")
    exporting.add_argument("target", help=".pt to write, or with --diffusers a folder")
    exporting.add_argument("--diffusers", action="store_true", help="write a pipeline: UNet2DModel and its scheduler")
    exporting.add_argument("--raw", action="store_true", help="the last step's raw weights, not their average")
    checking = verb(own.check, "json")
    checking.add_argument("file", help="a Python file, as under `plugins:` of experiments/config.yaml")
    checking.add_argument("--option", nargs="+", default=[], metavar="NAME=VALUE", help="values of its options to try")
    making = verb(own.new)
    making.add_argument("sort", choices=["perturbation", "sampler", "objective", "metric"])
    making.add_argument("name", help="lower-case letters, digits and hyphens")
    making.add_argument("--folder", default="plugins", help="default: plugins")
