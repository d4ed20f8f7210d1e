"""Snakemake goes by times, but contents decide: what they make old, or leave current, is told to it by times.

A result that cannot be believed (`atbench.reading.doubt`) is named, and set back in time, so that the command that asks
for it makes it again. Where nothing stands before it whose time Snakemake could compare, it is set aside instead.
"""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from atbench.reading import doubt
from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.runtime.files import rename
from atbench.spec.address import ROOT
from atbench.spec.form import Form
from atbench.spec.judging import Judging
from atbench.spec.parents import rests_on_the_same
from atbench.spec.probes import probes
from atbench.spec.records import EvaluationForm, RowsForm, RunForm
from atbench.spec.run import CellSpec, RunSpec

REFUSED = ".refused"  # what is appended to the name of a record that is set aside
MOST_HASHED = 64 << 20  # bytes of a file that is read whenever something is planned; of larger ones, the size is
LONG_AGO = (1, 1)  # seconds: Snakemake takes 0 for no time at all


@dataclass(frozen=True, eq=False)
class Times:
    """What is noticed of the results of a scale; each of them once."""

    scale: str
    acts: bool  # no dry run, and no job of one

    @property
    def tree(self) -> Tree:
        """The local results."""
        return Tree(Path(ROOT, self.scale))

    @cache  # noqa: B019 (there is one of these in a process)
    def of_run(self, run: RunSpec) -> bool:
        """A run whose record or files are not what they say, or whose parents are others now. Whether it is one."""
        record, why = self._read(run.address.record, RunForm)
        if record:
            others = rests_on_the_same(run) is False
            why = doubt.of_run(self.tree, run, record, MOST_HASHED) or ("what it rests on changed" if others else "")
        return self._make_again(run.address.record, why, bool(run.rests_on or run.checkpoint))

    @cache  # noqa: B019
    def of_evaluation(self, run: RunSpec) -> bool:
        """The record that stands for the cells of a run, which is made again with it: nothing else would ask for it."""
        _, why = self._read(run.address.evaluation, EvaluationForm)
        if not why and self.of_run(run):
            why = "its weights are made again"
        return self._make_again(run.address.evaluation, why, True)

    @cache  # noqa: B019
    def of_cell(self, cell: CellSpec) -> None:
        """A cell. Snakemake keeps no record of how those of a whole run were made: that job's output is its own.

        Where what it rests on is made again, so is the evaluation of its run, which looks at every cell.
        """
        run = cell.run
        if any([self.of_run(run), self.of_rows(run.judging), self.of_evaluation(run)]):
            return
        try:
            record = self.tree.cell(cell.address)
            why = doubt.of_cell(self.tree, cell, record) if record else ""
        except UserError as error:
            why = str(error)
        self._make_again(cell.address.path, why, True)

    @cache  # noqa: B019
    def of_rows(self, judging: Judging) -> bool:
        """The rows beside cells, and with them the features of the real images."""
        record, why = self._read(judging.rows_path(), RowsForm)
        why = doubt.of_rows(self.tree, judging, record) if record else why
        return self._make_again(judging.rows_path(), why, judging.extractor is not None)

    def of_measure(self, path: Path, name: str, run: RunSpec | None, digests: dict[str, str]) -> None:
        """A record of a side measure, of a run or of the scale."""
        record, why = self._read(path, probes()[name].form)
        if record and run:
            why = doubt.of_measure(self.tree, run, record, digests)
        elif record and record["config"] != digests:
            why = "configuration changed"
        self._make_again(path, why, run is not None)

    def _read(self, path: Path, form: type[Form]) -> tuple[Any, str]:
        """A record, and why there is none where it is refused."""
        try:
            return self.tree.read(path, form), ""
        except UserError as error:
            return None, str(error)

    def _make_again(self, path: Path, why: str, has_inputs: bool) -> bool:
        """Whether there is a result that cannot be believed: then it is named, and Snakemake told."""
        if not why or not path.exists():
            return False
        print(f"atbench: {why if str(path) in why else f'{path}: {why}'}; to be made again", file=sys.stderr)
        try:
            if has_inputs:
                os.utime(path, LONG_AGO)
            elif self.acts:
                rename(path, path.with_name(path.name + REFUSED))
        except OSError as error:
            raise UserError(f"{path}: its time cannot be set ({error.strerror})") from error
        return True


def is_trained_from_what_is_there(run: RunSpec) -> bool:
    """Whether times may not make a run old: it was trained from what is there, wherever that was copied to."""
    there = all(file.exists() and owner.weights_folder.exists() for owner, file in run.rests_on.values())
    same = there and rests_on_the_same(run) is True
    return same and all(map(is_trained_from_what_is_there, run.parents.values()))
