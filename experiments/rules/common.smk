# What the rules share: the validated configuration and the names that follow from it. Only atbench's torch-free modules.
import os
import shlex
import sys
from functools import partial
from pathlib import Path

from snakemake.exceptions import WorkflowError

from atbench.spec import address as addresses
from atbench import config as files
from atbench import measures, plan, search, slices
from atbench import resources as asked
from atbench.runtime.device import ALLOCATOR, DEVICE_VARIABLE, PROCESSES_VARIABLE, processes
from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash
from atbench.report.outputs import OF_SCALE, OF_TARGET, outputs, outputs_of, target_artefacts


def or_stop(function, *arguments, **options):
    """Call into atbench; a user's mistake stops the workflow with its one line instead of a traceback."""
    try:
        return function(*arguments, **options)
    except UserError as error:
        sys.exit(f"atbench: {error}")


# The command line hands over lists of words: --config "seeds=[0,1]" means numbers.
if "seeds" in config:
    config["seeds"] = [int(seed) if str(seed).isdecimal() else seed for seed in config["seeds"]]
or_stop(files.validate, dict(config), "configuration (experiments/config.yaml and --config)", "config")

SCALE = config["scale"]
SUITES = config["suites"]
BENCHMARK = or_stop(files.load, SCALE)
SEEDS = config.get("seeds")
CACHED = bool(config.get("cached"))
ROOT = f"{addresses.RELEASED if CACHED else addresses.ROOT}/{SCALE}"

# A cell named on the command line is wanted alone; otherwise one job evaluates all cells of a run.
ONE_CELL = config.get("grain") == "cell" or any(map(addresses.is_cell, sys.argv))

# Jobs inherit device, processes and the allocator's settings through the environment: none is a parameter of a rule.
os.environ.setdefault(DEVICE_VARIABLE, config.get("device", "auto"))
os.environ.setdefault(PROCESSES_VARIABLE, str(config.get("processes", 1)))
os.environ.update(ALLOCATOR | os.environ)
THREADS = BENCHMARK.sizes["threads"] * or_stop(processes)  # of the jobs that several processes share
# Jobs that want GPUs run one at a time, unless --resources gpu=N says otherwise.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", or_stop(processes))
# Inside a job that was submitted, training stops in time for the runtime that was asked for. Only there: Snakemake reruns
# a rule whose shell line is another than the one that the main process knew.
IN_TIME = f"{asked.TIME_LIMIT_VARIABLE}=$(({{resources.runtime}} - {asked.SPARE})) " if workflow.remote_exec else ""

GRIDS_OF = {"evaluate": plan.cells, "wide": measures.wide_cells}  # kind of job -> the cells that one of a run makes


def runs_of(suite):
    return or_stop(plan.runs, BENCHMARK, suite, SEEDS)


def cells_of(suite):
    return [str(cell) for run in runs_of(suite) for cell in or_stop(plan.cells, BENCHMARK, run)]


def existing(paths):
    """In cached mode only what is there: a missing cell becomes a dash, not a job."""
    paths = [path.replace(f"{addresses.ROOT}/", f"{addresses.RELEASED}/", 1) for path in paths] if CACHED else paths
    return [path for path in paths if not CACHED or Path(path).exists()]


def content_of(paths):
    """One key for what is there: rules that show it where it exists are made again, but never schedule it."""
    return digest({path: file_hash(path) for path in paths if Path(path).exists()})


def run_at(wildcards, suite, method):
    return addresses.Run(SCALE, suite, method, int(wildcards.seed))


def parent_files(wildcards, suite, method):
    """States of the runs that a run builds on, and the weights of the autoencoder in whose latent space it works."""
    run = run_at(wildcards, suite, method)
    return [str(parent.state) for parent in plan.parents(BENCHMARK, run).values()] + autoencoder_of(run)


def autoencoder_of(run):
    autoencoder = plan.autoencoder_run(BENCHMARK, run)
    return [] if autoencoder is None else [str(autoencoder.weights())]


def training_key(wildcards, suite, method):
    return slices.training_digest(BENCHMARK, run_at(wildcards, suite, method))


def evaluation_key(wildcards, suite, method):
    """One key for every cell of a run: the job itself skips the cells that are current."""
    run = run_at(wildcards, suite, method)
    return digest([training_key(wildcards, suite, method), slices.judging_slice(BENCHMARK, run), BENCHMARK.samplers])


def mismatch_key(wildcards, suite, method):
    run = run_at(wildcards, suite, method)
    return digest([training_key(wildcards, suite, method), slices.mismatch_digest(BENCHMARK, run)])


def heldout_key(wildcards, suite, method):
    run = run_at(wildcards, suite, method)
    return digest([training_key(wildcards, suite, method), slices.heldout_digest(BENCHMARK, run)])


def asked_for(suite, runtime):
    """Resources of a job: what a cluster's queue is asked for, and what counts against limits such as --resources gpu=N."""
    gpu, mem_mb = (or_stop(of, BENCHMARK, suite) for of in (asked.gpus_of, asked.memory_mb))
    return {"gpu": gpu, "mem_mb": mem_mb, "runtime": runtime}


def training_minutes(wildcards, suite, method):
    return or_stop(asked.training_minutes, BENCHMARK, run_at(wildcards, suite, method))


def evaluation_minutes(wildcards, attempt, suite, method, kind="evaluate"):
    """Of a run's cells, or of the one that the wildcards name; more in every attempt, as nothing continues the last."""
    run = run_at(wildcards, suite, method)
    cells = GRIDS_OF[kind](BENCHMARK, run)
    if "nfe" in wildcards.keys():
        cells = [addresses.Cell(run, wildcards.step, wildcards.sampler, int(wildcards.nfe))]
    return attempt * asked.evaluation_minutes(BENCHMARK, run, cells)


def group_of(run, kind="evaluate"):
    """Short evaluations may share a submission. Those with a GPU may not: a group asks for what all of it needs at once."""
    minutes = or_stop(asked.evaluation_minutes, BENCHMARK, run, GRIDS_OF[kind](BENCHMARK, run))
    return "evaluation" if minutes <= asked.SHORT and not asked.gpus_of(BENCHMARK, run.suite) else None


def reference_rows(suite):
    """Scores of the image sets that stand beside a suite's cells."""
    latent = [plan.reconstruction_path(BENCHMARK, suite)] if plan.is_latent(BENCHMARK, suite) else []
    return [str(path) for path in (plan.rows_path(BENCHMARK, suite), *latent)]


def weights_of(run_path, steps):
    return [f"{run_path}/{step}/weights.safetensors" for step in steps]


def train_and_evaluate(run):
    """Seed-free path of a run, its steps, the suffix of its rules' names, and kind of rule -> cells of one job."""
    path = str(run.path.with_name("seed{seed}"))
    steps = list(or_stop(plan.snapshots, BENCHMARK, run))
    cells = {kind: or_stop(grid, BENCHMARK, run) for kind, grid in GRIDS_OF.items()}
    grids = {kind: [f"{path}/{c.path.relative_to(run.path)}" for c in found] for kind, found in cells.items() if found}
    return path, steps, f"{run.suite}_{run.method}".replace("-", "_"), grids


def artefacts_of(suites):
    return [f"{ROOT}/{path}" for path in or_stop(outputs, BENCHMARK, suites)]


def of_suite(suite):
    return [f"{ROOT}/{path}" for path in or_stop(outputs_of, BENCHMARK, suite)]


def labelled(path):
    """A table or figure with its place in Snakemake's HTML report."""
    stem, kind = Path(path).stem, Path(path).suffix[1:]
    caption = stem if stem in ("claims", "reviews") else Path(path).parent.name
    suite = max((name for name in WITH_GRID if stem.startswith(name)), key=len, default="all suites")
    return report(
        path,
        caption=f"../captions/{caption}.rst",
        category=BENCHMARK.suites.get(suite, {"title": suite})["title"],
        labels={"artefact": stem, "format": kind},
    )


def measured(target, suite):
    """What a target of its own writes about a suite's runs."""
    files = [path for run in runs_of(suite) for path in or_stop(measures.target_files, BENCHMARK, target, run)]
    return existing(list(map(str, files)))


# A suite outside SUITES is a target under its own name. Once its cells are there, it stands on the pages that span suites.
WITH_GRID = [suite for suite in BENCHMARK.sizes["suites"] if BENCHMARK.suites[suite]["samplers"]]
if CACHED:  # what was released, all of it
    SUITES = SHOWN = [suite for suite in WITH_GRID if existing(cells_of(suite))]
else:
    SHOWN = SUITES + [s for s in WITH_GRID if s not in SUITES and all(map(os.path.exists, cells_of(s)))]
BESIDE = [path for suite in SHOWN if suite not in SUITES for path in cells_of(suite)]
EVERY_CELL = existing([path for suite in SUITES for path in cells_of(suite)])
REPORT = artefacts_of(SUITES)
# Target of its own, and suite -> table and figures: not part of everything, but drawn where they were released.
TARGETS = {
    (target, suite): [f"{ROOT}/{path}" for made in target_artefacts(BENCHMARK, target, [suite]) for path in made.paths]
    for target in OF_TARGET
    for suite in SUITES
    if target_artefacts(BENCHMARK, target, [suite]) and (not CACHED or measured(target, suite))
}
# Likewise what the scale as a whole is measured for: name of the measure, and of its JSON -> table or figure.
SCALE_WIDE = {
    kind: [f"{ROOT}/{path}" for path in made.paths]
    for kind, made in OF_SCALE.items()
    if not CACHED or Path(ROOT, f"{kind}.json").exists()
}
if CACHED:
    REPORT += [path for paths in (TARGETS | SCALE_WIDE).values() for path in paths]
PUBLISHED = sorted(map(str, Path("experiments/paper").glob("*.csv")))


wildcard_constraints:
    suite=addresses.NAME,
    method=addresses.NAME,
    seed=r"\d+",
    step=addresses.STEP,
    sampler=addresses.NAME,
    nfe=r"\d+",
