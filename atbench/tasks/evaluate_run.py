"""Evaluate all declared cells of a run, and say so in ``<run>/evaluation.json``, which no failed evaluation leaves."""

from atbench.runtime import processes
from atbench.runtime.errors import UserError
from atbench.runtime.files import file_hash
from atbench.runtime.records import write_record
from atbench.spec.run import RunSpec
from atbench.tasks.evaluate import evaluate


def evaluate_run(run: RunSpec) -> None:
    """Evaluate the declared cells, then write which weights they were made from: SHA-256 by step.

    Raises UserError for a run without cells, and as `evaluate` does.
    """
    if not run.cells:
        raise UserError(f"{run}: has no cells")
    evaluate(list(run.cells))
    if not processes.first():
        return
    for cell in run.cells:
        cell.address.path.touch()  # one that was current was looked at now: Snakemake goes by times
    steps = dict.fromkeys(cell.address.step for cell in run.cells)
    weights = {step: file_hash(run.address.weights(step)) for step in steps}
    write_record(run.address.evaluation, {"run": run.address.axes, "cells": len(run.cells), "weights": weights})
