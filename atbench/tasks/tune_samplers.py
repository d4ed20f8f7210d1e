"""The search for the constants of training-free samplers: say which candidate won at which step count."""

from collections.abc import Mapping
from statistics import fmean, geometric_mean
from typing import Any

from atbench.runtime.records import write_record
from atbench.spec.address import ROOT
from atbench.spec.benchmark import Suite
from atbench.spec.models.samplers import Sampler
from atbench.spec.records import CellForm
from atbench.spec.rivals import base_of
from atbench.spec.run import RunSpec
from atbench.spec.suite import SEARCH_PREFIX
from atbench.tasks.tune import begun, configs


def choose_samplers(search: Suite) -> None:
    """Write ``results/<scale>/tuning/<suite>-samplers.json``: what every candidate measured, and the winners.

    search: the suite ``tune-<suite>-samplers``. Each step count has the candidate of the lowest value, a mean over the
    seeds: a sampler is to be as good as it can be there. Ties go to the first. Winners stand as the scale's
    ``sampling:`` takes them, by NFE; ``best`` as its ``best_training_free:`` does: of the corrections of one sampler
    that whose winners have the lowest geometric mean over the step counts.
    """
    benchmark, runs = search.benchmark, search.runs()
    metric = benchmark.searched_by
    record = begun(search) | {"samplers": {}, "winners": {}, "best": {}, "configs": configs(runs)}
    values, means = measured(runs, metric), {}
    for name, candidates in benchmark.tuning.samplers[search.drawn_as].candidates.items():
        counts = sorted({nfe for sampler, nfe in values if sampler.rpartition("-c")[0] == name})
        rows = [{str(nfe): values[f"{name}-c{index}", nfe] for nfe in counts} for index in range(len(candidates))]
        record["samplers"][name] = [{"options": o, metric: row} for o, row in zip(candidates, rows)]
        best = {nfe: min(range(len(rows)), key=lambda index: rows[index][nfe]) for nfe in rows[0]}
        record["winners"][name] = by_nfe({nfe: candidates[index] for nfe, index in best.items()})
        means[name] = geometric_mean(rows[index][nfe] for nfe, index in best.items())
    record["best"] = best_of_each(means, benchmark.samplers)
    write_record(f"{ROOT}/{search.scale}/tuning/{search.name.removeprefix(SEARCH_PREFIX)}.json", record)
    print(f"{search.drawn_as}: {record['winners']}; best: {record['best']}")


def best_of_each(means: Mapping[str, float], samplers: Mapping[str, Sampler]) -> dict[str, str]:
    """Plain sampler -> the correction of it with the lowest mean; ties go to the first."""
    found: dict[str, str] = {}
    for name, mean in means.items():
        base = base_of(name, samplers)
        if base is not None and (base not in found or mean < means[found[base]]):
            found[base] = name
    return found


def measured(runs: list[RunSpec], metric: str) -> dict[tuple[str, int], float]:
    """(candidate, NFE) -> its metric, a mean over the runs."""
    found: dict[tuple[str, int], list[float]] = {}
    for cell in (cell for run in runs for cell in run.cells):
        value = CellForm.read(cell.address.path)["metrics"][metric]
        found.setdefault((cell.address.sampler, cell.nfe), []).append(value)
    return {key: fmean(values) for key, values in found.items()}


def by_nfe(chosen: dict[Any, Any]) -> Any:
    """NFE -> options, as options whose numbers stand by NFE; words are the same at each."""
    first = next(iter(chosen.values()))
    if isinstance(first, dict):
        return {key: by_nfe({nfe: options[key] for nfe, options in chosen.items()}) for key in first}
    return first if isinstance(first, str) else chosen
