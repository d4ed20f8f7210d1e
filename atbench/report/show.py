"""One cell in readable words: numbers with their uncertainty, configuration and origin."""

from dataclasses import replace
from pathlib import Path

import yaml

from atbench.reading import doubt
from atbench.reading.rows import reference_rows
from atbench.reading.tidy import older_code
from atbench.reading.tree import Tree
from atbench.runtime.errors import UserError
from atbench.runtime.records import Record
from atbench.spec.address import RELEASED, ROOT, made_by, parse_cell
from atbench.spec.load import load_cell
from atbench.spec.metrics import distance_name
from atbench.spec.run import CellSpec

SPREADS = {"_se": "standard error", "_std": "spread over parts"}  # suffix of a metric's companion


def show(path: str | Path) -> str:
    """The record at the cell address ``path`` as text, whether it is a file of its own or a line of a pack.

    Of a local one that is not there the released one is shown, by its own address. Raises UserError when ``path`` is no
    cell's address, its scale is unknown, or the record is missing, with the command that makes it, or broken.
    """
    address = parse_cell(path)
    tree = Tree(Path(address.run.root, address.run.scale))
    record = tree.cell(address)
    if record is None and address.run.root == ROOT:
        tree = Tree(Path(RELEASED, address.run.scale))
        record, path = tree.cell(address), tree.path(address)
    if record is None:
        wanted = replace(address, run=replace(address.run, root=ROOT))
        raise UserError(f"{address}: no such result; to make it: {made_by(wanted, address.run.scale)}")
    cell = load_cell(address)
    current, settings = cell.digests, {"training": cell.run.slice, "evaluation": cell.slice}
    parts = [f"{path}\n", _block("Metrics", metric_lines(record["metrics"], cell.run.suite.extractor))]
    parts += [_block("Beside it", beside(tree, cell, record))]
    parts += [_block("Counts", _lines(record["counts"])), _block("State", _state(tree, cell, record))]
    for part, resolved in settings.items():
        head = f"{part.capitalize()} configuration, as the experiment files say now (digest {current[part]})"
        parts.append(_block(head, yaml.safe_dump(resolved, sort_keys=False).splitlines()))
    parts += [_block(key.capitalize(), _lines(record[key])) for key in ("inputs", "provenance")]
    return "\n".join(parts)


def metric_lines(metrics: dict[str, float], extractor: str) -> list[str]:
    """One line per metric, with its standard error or spread where it has one."""
    names = {"fd": distance_name(extractor)}
    companions = {key + suffix for key in metrics for suffix in SPREADS}
    lines = []
    for key in [key for key in metrics if key not in companions]:
        spread = [f" ± {metrics[key + s]:.3g} ({words})" for s, words in SPREADS.items() if key + s in metrics]
        label = f"{key} ({names[key]})" if key in names else key
        lines.append(f"{label:<16} {metrics[key]:.6g}{''.join(spread)}")
    return lines


def beside(tree: Tree, cell: CellSpec, record: Record) -> list[str]:
    """What tells how to read the distance: the floor, and the suite's baseline at the same point and seed."""
    name, found = distance_name(cell.run.suite.extractor), []
    floor = reference_rows(cell.run.suite, tree.root).get("floor", {}).get("fd")
    if floor:
        found.append(f"floor, as many real images: {name} {floor['mean']:.4g} ± {floor['std']:.2g} (over draws)")
    baseline = replace(cell.address, run=replace(cell.address.run, method=cell.run.suite.baseline))
    other = tree.cell(baseline) if baseline != cell.address else None
    if other:
        ours, theirs = record["metrics"]["fd"], other["metrics"]["fd"]
        label = cell.run.suite.method(baseline.run.method).label
        found.append(
            f"{label}, same seed and latents: {name} {theirs:.4g}; this one {100 * (ours / theirs - 1):+.1f} %"
        )
    return [*found, "verdicts take five seeds: tables/claims.md of the scale"]


def _state(tree: Tree, cell: CellSpec, record: Record) -> list[str]:
    problem = doubt.of_cell(tree, cell, record)
    lines = [f"STALE: {problem}"] if problem else []
    for part, digest in cell.digests.items():
        made = record["config"].get(part)
        lines.append(f"{part}: configuration {'current' if made == digest else f'STALE (made with {made})'}")
        if older_code(record["provenance"].get("sources"), (part,)):
            lines.append(f"{part}: made by older code")
    return lines


def _block(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(f"  {line}" for line in lines)]) + "\n"


def _lines(values: Record) -> list[str]:
    return yaml.safe_dump(values, sort_keys=False).splitlines()
