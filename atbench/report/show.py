"""One cell in readable words: numbers with their uncertainty, configuration and origin."""

from pathlib import Path

import yaml

from atbench import plan, slices
from atbench.config import Benchmark
from atbench.metric_names import distance_name
from atbench.reading.tidy import older_code
from atbench.runtime.files import read_cell
from atbench.spec.address import parse_cell

SPREADS = {"_se": "standard error", "_std": "spread over parts"}  # suffix of a metric's companion


def show(path: str | Path) -> str:
    """The record at the cell address ``path`` as text.

    Raises UserError when ``path`` is no cell's address, its scale is unknown, or the file is broken.
    """
    cell, record = parse_cell(path), read_cell(path)
    benchmark = plan.of_run(cell.run)
    current = {
        "training": slices.training_digest(benchmark, cell.run),
        "evaluation": slices.evaluation_digest(benchmark, cell),
    }
    settings = {
        "training": slices.training_slice(benchmark, cell.run),
        "evaluation": slices.evaluation_slice(benchmark, cell),
    }
    parts = [f"{path}\n", _block("Metrics", metric_lines(record["metrics"], benchmark))]
    parts += [_block("Counts", _lines(record["counts"])), _block("State", _state(record, current))]
    for part, resolved in settings.items():
        head = f"{part.capitalize()} configuration, as the experiment files say now (digest {current[part]})"
        parts.append(_block(head, yaml.safe_dump(resolved, sort_keys=False).splitlines()))
    parts += [_block(key.capitalize(), _lines(record[key])) for key in ("inputs", "provenance")]
    return "\n".join(parts)


def metric_lines(metrics: dict, benchmark: Benchmark) -> list[str]:
    """One line per metric, with its standard error or spread where it has one."""
    names = {"fd": distance_name(benchmark.sizes["extractor"])}
    companions = {key + suffix for key in metrics for suffix in SPREADS}
    lines = []
    for key in [key for key in metrics if key not in companions]:
        spread = [f" ± {metrics[key + s]:.3g} ({words})" for s, words in SPREADS.items() if key + s in metrics]
        label = f"{key} ({names[key]})" if key in names else key
        lines.append(f"{label:<16} {metrics[key]:.6g}{''.join(spread)}")
    return lines


def _state(record: dict, current: dict) -> list[str]:
    lines = []
    for part, digest in current.items():
        made = record["config"].get(part)
        lines.append(f"{part}: configuration {'current' if made == digest else f'STALE (made with {made})'}")
        if older_code(record["provenance"].get("sources"), (part,)):
            lines.append(f"{part}: made by older code")
    return lines


def _block(head: str, lines: list[str]) -> str:
    return "\n".join([head, *(f"  {line}" for line in lines)]) + "\n"


def _lines(values: dict) -> list[str]:
    return yaml.safe_dump(values, sort_keys=False).splitlines()
