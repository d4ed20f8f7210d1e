"""Evaluate the cells of a run that lie beyond its grid."""

from atbench.probes.wide import PROBE
from atbench.runtime import processes
from atbench.runtime.errors import UserError
from atbench.spec.run import RunSpec
from atbench.tasks.evaluate import evaluate


def measure(run: RunSpec) -> None:
    """Write the cells. Raises UserError for a run without any, and as `evaluate` does."""
    cells = PROBE.claim_cells(run)
    if not cells:
        raise UserError(f"experiments/wide.yaml: {run}: has no cells beyond its grid")
    evaluate(cells)
    for cell in cells if processes.first() else ():
        cell.address.path.touch()  # one that was current was looked at now: Snakemake goes by times
