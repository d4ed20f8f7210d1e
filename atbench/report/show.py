"""One cell in readable words: numbers with their uncertainty, what they mean beside others, configuration, origin."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from atbench.judgement import standing
from atbench.judgement.claims import MIN_SEEDS
from atbench.reading import doubt
from atbench.reading.rows import reference_rows
from atbench.reading.tidy import older_code
from atbench.reading.tree import Tree, of_its_time
from atbench.report.verdict_table import amount, facts, tested_on
from atbench.runtime.errors import UserError
from atbench.runtime.listing import Listing, Value, listing
from atbench.runtime.records import Record
from atbench.spec.address import RELEASED, ROOT, made_by, parse_cell
from atbench.spec.load import load
from atbench.spec.metrics import TRAINING, distance_name
from atbench.spec.run import CellSpec

SPREADS = {"_se": "standard error", "_std": "spread over parts"}  # suffix of a metric's companion
GAIN = ["gain", "low", "high"]


def show(path: str | Path, over_seeds: bool = True) -> Listing:
    """The record at the cell address ``path``, whether it is a file of its own or a line of a pack.

    over_seeds: with what all results of the scale decide; without, the cell and those beside it alone are read.
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
    cell = of_its_time(load(address.run.scale), tree.root).cell(address)
    current, settings = cell.digests, {"training": cell.run.slice, "evaluation": cell.slice}
    value = {
        "cell": str(path),
        "distance": distance_name(cell.run.suite.extractor),
        "leads": cell.run.suite.leads,
        "metrics": record["metrics"],
        **beside(tree, cell, record),
        **(judged(tree, cell) if over_seeds else {"gain": None, "verdicts": [], "no_verdict": "not asked for"}),
        "counts": record["counts"],
        "state": _state(tree, cell, record),
        "configuration": {part: {"digest": current[part], "settings": resolved} for part, resolved in settings.items()},
        "inputs": record["inputs"],
        "provenance": record["provenance"],
    }
    return listing(value, _words)


def beside(tree: Tree, cell: CellSpec, record: Record) -> dict[str, Any]:
    """What tells how to read the distance: the floor, and the suite's baseline at the same point and seed."""
    suite, found = cell.run.suite, {"floor": None, "baseline": None}
    floor = reference_rows(suite, tree.root).get("floor", {}).get(suite.leads)
    if floor:
        found["floor"] = {"mean": floor["mean"], "std": floor["std"]}
    baseline = replace(cell.address, run=replace(cell.address.run, method=suite.baseline))
    other = tree.cell(baseline) if baseline != cell.address else None
    if other:
        ours, theirs = record["metrics"][suite.leads], other["metrics"][suite.leads]
        found["baseline"] = {"method": suite.baseline, "label": suite.method(suite.baseline).label, "fd": theirs}
        found["baseline"]["difference_percent"] = 100 * (ours / theirs - 1)
    return found


def judged(tree: Tree, cell: CellSpec) -> dict[str, Any]:
    """What is decided over seeds: the gain at this point, and the verdicts it is part of, or why there are none."""
    suite, method = cell.run.suite, cell.address.run.method
    if method == suite.baseline:
        return {
            "gain": None,
            "verdicts": [],
            "no_verdict": f"{suite.method(method).label} is what others are compared with",
        }
    benchmark = of_its_time(load(cell.address.run.scale), tree.root)
    sheet = standing.results(benchmark, tree.root)
    gain = standing.gain(cell, sheet.frame)
    if gain:
        gain["over"] = suite.method(suite.baseline).label
    try:
        rows = standing.verdicts(cell, sheet)
    except UserError as error:  # of one claim or side measure; the cell can be shown all the same
        return {"gain": gain, "verdicts": [], "no_verdict": str(error)}
    found = [
        {
            "verdict": row.verdict,
            "claim": row.claim,
            "sentence": benchmark.claims[row.claim].claim,
            "tested_on": tested_on(benchmark, row),
            "budget": row.budget,
            "seeds": row.seeds,
            **{key: getattr(row, key) for key in (*GAIN, "unit", "seeds_needed")},
            "facts": facts(benchmark, row) if row.seeds else [row.note],
        }
        for _, row in rows.iterrows()
    ]
    none = f"no claim of experiments/claims.yaml is about {suite.method(method).label} at this point"
    return {"gain": gain, "verdicts": found, "no_verdict": None if found else none}


def _words(value: Value) -> Iterator[str]:
    yield f"{value['cell']}\n"
    yield _block("Metrics", metric_lines(value["metrics"], value["distance"]))
    yield _block("Beside it", _beside(value))
    yield _block("Over seeds", _judged(value))
    yield _block("Counts", _lines(value["counts"]))
    yield _block("State", value["state"])
    for part, made in value["configuration"].items():
        head = f"{part.capitalize()} configuration, as the experiment files say now (digest {made['digest']})"
        yield _block(head, _lines(made["settings"]))
    for key in ("inputs", "provenance"):
        yield _block(key.capitalize(), _lines(value[key]))


def _beside(value: Value) -> Iterator[str]:
    name = value["distance"] + ("" if value["leads"] == TRAINING else " to held-out images")
    if floor := value["floor"]:
        yield f"floor, as many real images: {name} {floor['mean']:.4g} ± {floor['std']:.2g} (over draws)"
    if other := value["baseline"]:
        difference = f"this one {other['difference_percent']:+.1f} %"
        yield f"{other['label']}, same seed and latents: {name} {other['fd']:.4g}; {difference}"


def _judged(value: Value) -> Iterator[str]:
    if gain := value["gain"]:
        mean, low, high = (gain[key] if gain[key] is None else amount(gain[key], "relative", "") for key in GAIN)
        spread = (
            f"[{low}, {high}] over {gain['seeds']} seeds" if gain["seeds"] > 1 else "from one seed, hence no interval"
        )
        yield f"gain over {gain['over']} at this point, paired by seed: {mean} % of its distance, {spread}"
    for row in value["verdicts"]:
        seeds = f"{row['seeds']} seed{'' if row['seeds'] == 1 else 's'}"
        yield f"{row['verdict']} ({seeds}), equal {row['budget']}: {'; '.join(row['facts'])}"
        yield f"    {row['sentence']} ({row['tested_on']})"
    if value["no_verdict"]:
        yield f"no verdict: {value['no_verdict']}"
    yield f"a verdict takes {MIN_SEEDS} seeds or more: tables/claims.md of the scale"


def metric_lines(metrics: dict[str, float], distance: str) -> list[str]:
    """One line per metric, with its standard error or spread where it has one; ``distance`` is what `fd` is called."""
    names = {"fd": distance}
    companions = {key + suffix for key in metrics for suffix in SPREADS}
    lines = []
    for key in [key for key in metrics if key not in companions]:
        spread = [f" ± {metrics[key + s]:.3g} ({words})" for s, words in SPREADS.items() if key + s in metrics]
        label = f"{key} ({names[key]})" if key in names else key
        lines.append(f"{label:<16} {metrics[key]:.6g}{''.join(spread)}")
    return lines


def _state(tree: Tree, cell: CellSpec, record: Record) -> list[str]:
    problem = doubt.of_cell(tree, cell, record)
    lines = [f"STALE: {problem}"] if problem else []
    for part, digest in cell.digests.items():
        made = record["config"].get(part)
        lines.append(f"{part}: configuration {'current' if made == digest else f'STALE (made with {made})'}")
        if older_code(record["provenance"].get("sources"), (part,)):
            lines.append(f"{part}: made by older code")
    return lines


def _block(head: str, lines: Iterable[str]) -> str:
    return "\n".join([head, *(f"  {line}" for line in lines)]) + "\n"


def _lines(values: Record) -> list[str]:
    return yaml.safe_dump(values, sort_keys=False).splitlines()
