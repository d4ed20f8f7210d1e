"""What nothing is released beside: results of another protocol, and results that rest on other weights."""

from pathlib import Path

from atbench.reading.tree import MANIFEST, Tree
from atbench.runtime.errors import UserError
from atbench.runtime.records import Record
from atbench.spec.address import ROOT
from atbench.spec.benchmark import Benchmark
from atbench.spec.run import RunSpec


def refuse_another_protocol(benchmark: Benchmark, target: Path) -> None:
    """Raises UserError where what was released is of another protocol, with which nothing may be mixed."""
    protocol = Tree(target).protocol
    if protocol != benchmark.protocol:
        remedy = "remove it, and release every suite anew"
        raise UserError(f"{target / MANIFEST}: of protocol {protocol}, not {benchmark.protocol}: {remedy}")


def refuse_other_foundations(benchmark: Benchmark, target: Path, suites: list[str]) -> None:
    """Raises UserError where what was released rests on another extractor or autoencoder than ``suites`` do.

    A classifier that was trained on another processor is another judge: its distances stand in no table beside the
    first one's. Whoever releases some seeds at a time releases the judge's weights with the first of them.
    """
    for run in benchmark.foundations(suites):
        there, here = (Tree(root).run(run.address) for root in (target, Path(ROOT, benchmark.scale)))
        if there and here and _weights(run, there) != _weights(run, here):
            remedy = "take its released weights, or remove what is released and release every suite anew"
            raise UserError(f"{run.address.weights()}: other weights than those behind {target}: {remedy}")


def _weights(run: RunSpec, record: Record) -> str | None:
    name = run.address.weights().relative_to(run.address.path).as_posix()
    return record.get("files", {}).get(name, {}).get("sha256")
