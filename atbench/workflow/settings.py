"""What the Snakefile reads and says at its start: settings, mistyped targets, patterns of names, keys of contents."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from atbench.runtime.errors import UserError
from atbench.runtime.files import digest, file_hash
from atbench.spec.address import RELEASED, ROOT, parse_cell, parse_run
from atbench.spec.benchmark import Benchmark
from atbench.spec.load import workflow
from atbench.spec.models.workflow import WorkflowFile

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
OF_A_RUN = re.compile(
    rf"(?!{RELEASED}/)(?P<run>{ROOT}/(?P<scale>[^/]+)/[^/]+/[^/]+/seed[^/]*)(?P<cell>/.*-nfe[^/]*)?.*"
)


def or_stop(function: Callable[Arguments, Result], *arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
    """The result; a user's mistake stops Snakemake with its one line instead of a traceback."""
    try:
        return function(*arguments, **options)
    except UserError as error:
        sys.exit(f"atbench: {error}")


def settings_of(config: Mapping[str, Any]) -> WorkflowFile:
    """The workflow's configuration. The command line hands over lists of words: --config "seeds=[0,1]" means numbers.

    Raises UserError naming the key.
    """
    seeds = config.get("seeds")
    if isinstance(seeds, list):
        seeds = [int(seed) if str(seed).isdecimal() else seed for seed in seeds]
    return workflow(dict(config) | ({"seeds": seeds} if "seeds" in config else {}))


def why_no_rule(benchmark: Benchmark, target: str) -> str:
    """Why no rule makes a target that is meant as a result of a run; empty where that is not to be seen."""
    meant = OF_A_RUN.fullmatch(target)
    if meant is None:
        return ""
    try:
        run = parse_cell(target).run if meant["cell"] else parse_run(meant["run"])
        if run.scale != benchmark.scale:
            return f"{target}: of another scale than {benchmark.scale}; give --config scale={run.scale}"
        benchmark.run(run)
    except UserError as error:
        return str(error)
    return ""


def one_of(names: Iterable[str]) -> str:
    """A wildcard's pattern; no name at all matches nothing."""
    return "|".join(names) or "(?!)"


def without(runs: Iterable[str], suite: str) -> str:
    """The pattern ``suite`` of a suite, but not where the whole address, suite/method/seed, is one of ``runs``."""
    return f"(?!(?:{one_of(runs)})/)(?:{suite})"


def among(runs: Iterable[str], suite: str) -> str:
    """The same where it is one of them alone."""
    return f"(?=(?:{one_of(runs)})/)(?:{suite})"


def content_of(paths: Iterable[str]) -> str:
    """One key for what is there: rules that show it where it exists are made again, but never schedule it."""
    return digest({path: file_hash(path) for path in paths if Path(path).exists()})
