"""All contracts of a file: `atbench check FILE`."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from atbench.contracts import metrics, objectives, perturbations, samplers
from atbench.contracts.finding import Finding, findings
from atbench.runtime.errors import UserError
from atbench.runtime.listing import Listing, Value, listing
from atbench.spec import plugins
from atbench.spec.metrics import measuring
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS, method_type
from atbench.spec.models.samplers import KINDS
from atbench.spec.plugins import Plugin

CONTRACTS = {
    "perturbation": (PERTURBATIONS, perturbations.Contract),
    "sampler": (KINDS, samplers.Contract),
    "objective": (OBJECTIVES, objectives.Contract),
}


def check(path: str | Path, given: Mapping[str, Any] | None = None) -> list[Finding]:
    """What the contract tests find of every class and metric in a file; ``given``: values of its options.

    Raises UserError for a file that cannot be read as a plugin, and for one that offers nothing.
    """
    plugin = plugins.read(Path(path))
    with plugins.added(plugin):
        method_type()  # which refuses what the experiment files would be refused with
        found = _findings(plugin, given or {})
    if not found:
        raise UserError(f"{plugin}: offers nothing: no class with a `kind`, no METRICS")
    return found


def listed(path: str | Path, findings: list[Finding]) -> Listing:
    """The findings about the file at ``path``, and how many of them are failures."""
    failed = sum(finding.verdict == "FAIL" for finding in findings)
    return listing({"file": str(path), "checks": list(map(asdict, findings)), "failed": failed}, _words)


def _words(value: Value) -> Iterator[str]:
    yield from (str(Finding(**each)) for each in value["checks"])
    failed, tried = value["failed"], len(value["checks"])
    yield f"{value['file']}: {failed} of {tried} checks fail" if failed else f"{value['file']}: keeps its contract"


def _findings(plugin: Plugin, given: Mapping[str, Any]) -> list[Finding]:
    made = []
    for room, (kinds, contract) in CONTRACTS.items():
        for kind, declared in kinds.items():
            if declared.plugin == plugin:
                made += findings(f"{room} {kind}", contract(declared, given).checks())
    for each in measuring():
        if each.plugin == plugin:
            names = ", ".join(metric.name for metric in each.metrics)
            made += findings(f"metric {names}", metrics.Contract(each, given).checks())
    return made
