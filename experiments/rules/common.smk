# What the rules share: the validated configuration and the names that follow from it. Only atbench's torch-free modules;
# the input functions of the rules are the methods of JOBS (atbench/workflow/jobs.py).
import os
import sys
from functools import partial
from pathlib import Path

from snakemake.logging import logger

from atbench.reading.tree import Tree, of_its_time
from atbench.report.outputs import outputs, outputs_of, verdict_pages
from atbench.runtime.device import (
    ALLOCATOR,
    DEVICE_VARIABLE,
    PROCESSES_VARIABLE,
    STATE_VARIABLE,
    processes,
    state_minutes,
)
from atbench.runtime.files import digest, visible
from atbench.spec import address, queue
from atbench.spec.load import load, suites_at
from atbench.spec.places import absent, refuse_without
from atbench.spec.probes import probes_of_runs, probes_of_scales
from atbench.spec.suite import SEARCH_PREFIX
from atbench.workflow.instances import enter
from atbench.workflow.jobs import Jobs
from atbench.workflow.pace import look_when_jobs_finish
from atbench.workflow.screen import name_the_living, name_what_is_mistyped, say_why
from atbench.workflow.settings import among, content_of, one_of, or_stop, settings_of, why_no_rule, without
from atbench.workflow.taken import Taken
from atbench.workflow.times import Times

# The lock of a killed process is cleared here, so that the same command continues.
if workflow.is_main_process:
    name_the_living(logger, enter(Path(".snakemake"), stays=not workflow.dryrun))
    say_why(logger)

SETTINGS = or_stop(settings_of, config)
CACHED = bool(SETTINGS.cached)
ROOT = f"{address.RELEASED if CACHED else address.ROOT}/{SETTINGS.scale}"
TREE = Tree(Path(ROOT))
BENCHMARK = or_stop(lambda: of_its_time(load(SETTINGS.scale), TREE.root))
PLANS = workflow.is_main_process and not CACHED  # jobs run in processes of their own
JOBS = Jobs(BENCHMARK, SETTINGS.seeds, Times(SETTINGS.scale, acts=not workflow.dryrun) if PLANS else None)
if PLANS:
    name_what_is_mistyped(logger, partial(why_no_rule, BENCHMARK))
TAKEN = Taken(JOBS, retrains=bool(SETTINGS.retrain))
RUN = f"{ROOT}/{{suite}}/{{method}}/seed{{seed}}"
ENVIRONMENT = "../../environment.yml"

# Jobs inherit device, processes, minutes and the allocator's settings through the environment: none is a parameter of a rule.
os.environ.setdefault(DEVICE_VARIABLE, SETTINGS.device)
os.environ.setdefault(PROCESSES_VARIABLE, str(SETTINGS.processes))
os.environ.setdefault(STATE_VARIABLE, str(SETTINGS.state_minutes))
or_stop(state_minutes)
os.environ.update(ALLOCATOR | os.environ)
THREADS = BENCHMARK.file.threads * or_stop(processes)  # of the jobs that several processes share
# Jobs that want GPUs run one at a time, unless --resources gpu=N says otherwise.
if "gpu" not in workflow.global_resources:
    workflow.register_resource("gpu", or_stop(processes))
# Public data that are not in place yet are told to who plans; a path of somebody's own must be there even then.
if PLANS:
    for missing in or_stop(absent, BENCHMARK, [name for name in SETTINGS.suites if name in BENCHMARK.suites]):
        print(f"atbench: {missing}", file=sys.stderr)


onstart:  # of a real run alone
    look_when_jobs_finish(workflow.scheduler)
    if not CACHED:
        made = {job.wildcards.get("suite") for job in workflow.dag.needrun_jobs()}
        or_stop(refuse_without, BENCHMARK, [name for name in BENCHMARK.suites if name in made])


def existing(paths):
    """In cached mode only what is there, the files that hold it: a missing cell becomes a dash, not a job."""
    if not CACHED:
        return paths
    found = [TREE.source(Path(path.replace(address.ROOT, address.RELEASED, 1))) for path in paths]
    return list(dict.fromkeys(str(path) for path in found if path))


def cells_of(wildcards, suites, pages=()):
    """The cells of some suites. Those of a run are made together, by a job whose record stands for them until then.

    While a record is missing, the ``pages`` that show them are asked for: Snakemake looks at no trigger of a job that waits
    for a checkpoint (`depends_on_checkpoint_target` of its dag.py), so that pages that are there would hide the run.
    """
    for run in [] if CACHED else JOBS.runs(suites):
        if run.cells:
            at = run.address
            if PLANS and not at.evaluation.exists():
                workflow.dag.forcefiles.update(pages)
            checkpoints.evaluate.get(suite=at.suite, method=at.method, seed=at.seed)
    return existing(JOBS.cells(suites))


def parents(wildcards):
    """What a run is trained from. Contents decide whether it is old: results that were copied elsewhere are current."""
    paths = JOBS.parents(wildcards)
    return [ancient(path) for path in paths] if JOBS.is_trained_from_what_is_there(wildcards) else paths


def pages(probe, suites=None):
    """Tables and figures of a side measure: of some suites, or of the scale."""
    made = [page for suite in suites for page in probe.artefacts(suite)] if suites is not None else probe.artefacts()
    return [f"{ROOT}/{path}" for page in made for path in page.paths]


def together(name):
    """A group, by its name or by what gives it, where jobs go to a cluster. Elsewhere it says nothing, and Snakemake would
    count the members of that of the report anew for every job: a third of the time of planning."""
    named = name if callable(name) else lambda wildcards: name
    return lambda wildcards: named(wildcards) if workflow.non_local_exec else None


def labelled(path, category="all suites"):
    """A table or figure with its place in Snakemake's HTML report. It stays as it is until the new one is drawn."""
    stem, kind = Path(path).stem, Path(path).suffix[1:]
    caption = stem if stem in ("claims", "reviews", "report") else Path(path).parent.name
    return report(
        update(path), caption=f"../captions/{caption}.rst", category=category, labels={"artefact": stem, "format": kind}
    )


# A suite beside the chosen ones is a target under its own name. Once its cells are there, it stands on the pages that
# span suites. Side measures are opt-in targets too, but drawn where they were released.
if CACHED:  # what was released, all of it
    SUITES = SHOWN = [suite for suite in JOBS.with_grid if existing(JOBS.cells([suite]))]
else:
    SUITES = suites_at(BENCHMARK, SETTINGS.suites)
    SHOWN = SUITES + [s for s in JOBS.with_grid if s not in SUITES and all(map(os.path.exists, JOBS.cells([s])))]
BESIDE = [suite for suite in SHOWN if suite not in SUITES]
MEASURED = {  # side measure of runs -> the suites that it shows
    name: [s for s in probe.suites(BENCHMARK) if s in SUITES and (not CACHED or existing(JOBS.measured(name, s)))]
    for name, probe in probes_of_runs().items()
}
PAGES = {name: pages(probe, MEASURED[name]) for name, probe in probes_of_runs().items()} | {
    name: pages(probe) if not CACHED or Path(ROOT, f"{name}.json").exists() else []
    for name, probe in probes_of_scales().items()
}
REPORT = [f"{ROOT}/{path}" for path in or_stop(outputs, BENCHMARK, SUITES)]
REPORT += [path for paths in PAGES.values() for path in paths] if CACHED else []


wildcard_constraints:
    suite=address.NAME,
    method=address.NAME,
    seed=address.NUMBER,
    step=address.STEP,
    sampler=address.NAME,
    nfe=address.NUMBER,
