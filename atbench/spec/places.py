"""Files that a scale's suites read and that do not lie where they should, found before any job starts.

A path that somebody wrote for images of their own must be there even to plan. Public data need not: a scale with its
numbers is planned on any machine, which is told what to fetch, and refused when it is run without.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from atbench.runtime.errors import UserError
from atbench.spec.benchmark import Benchmark
from atbench.spec.datasets import files_of, format_of, installed_of, variable_of
from atbench.spec.fit import refuse
from atbench.spec.models.scale import Data
from atbench.spec.run import RunSpec
from atbench.spec.suite import SuiteSpec


class Absent(NamedTuple):
    """A file or folder that is not there."""

    error: UserError  # its line: file, key and what should lie there
    later: bool  # planning goes on without: anybody can fetch it, or nobody has said yet where it lies


def absent(benchmark: Benchmark, suites: Iterable[str]) -> list[UserError]:
    """A line for each data set that suites still need and that is not in place yet.

    What is made already needs none. Raises UserError for a path of somebody's own where nothing lies.
    """
    found: dict[str, Absent] = {}
    for each in _needed(benchmark, list(suites)):
        found.setdefault(str(each.error), each)
    for each in found.values():
        if not each.later:
            raise each.error
    return [each.error for each in found.values()]


def refuse_without(benchmark: Benchmark, suites: Iterable[str]) -> None:
    """Raises UserError where data of suites that are to be made are not in place, public ones too."""
    for error in absent(benchmark, suites):
        raise error


def _needed(benchmark: Benchmark, suites: list[str]) -> Iterator[Absent]:
    for run in benchmark.needed(suites):
        if not run.address.record.exists():
            yield from _of_run(run)
    for suite in map(benchmark.suite, suites):
        if suite.samplers and not suite.judging.reference_path().exists():
            yield from _of_data(suite, "judged_by", suite.judged_by)


def _of_run(run: RunSpec) -> Iterator[Absent]:
    if run.checkpoint is None:
        yield from _of_data(run.suite, "data", run.suite.data)
        return
    for role, file in run.checkpoint.files.items():
        if not Path(file.path).is_file():
            key = f"imported.{run.address.method}.{role}.path"
            yield Absent(refuse(run.suite, key, f"{file.path}: no such file"), later=False)


def _of_data(suite: SuiteSpec, block: str, data: Data) -> Iterator[Absent]:
    form = format_of(data)
    public = bool(form.public) and data.format is None
    files = files_of(data)
    for key, path in files.items():
        fetched = key == "path" and data.download  # a folder that the job fills
        if not path.exists() and not fetched:  # an optional path is one that somebody wrote for this machine
            wanted = f" ({form.public})" if public else ""
            yield Absent(
                refuse(suite, f"{block}.{key}", f"{path}: nothing lies there{wanted}"), public and key in form.required
            )
    if "path" in files or "path" not in (*form.required, *form.optional):
        return
    variable = variable_of(data)
    named = os.environ.get(variable)
    if named is None and installed_of(data):
        return
    if named is None:
        wanted = f"set its path or {variable} to where it lies ({form.public or 'your images'})"
        yield Absent(refuse(suite, block, f"{data.name} is not in place yet: {wanted}"), later=True)
    elif not Path(named).expanduser().exists():
        yield Absent(refuse(suite, block, f"{variable} is {named}, where nothing lies"), later=False)
