"""The search for the constants of training-free samplers: say which candidate won at which step count."""

from typing import Any

from atbench.runtime.records import write_record
from atbench.spec.address import ROOT
from atbench.spec.benchmark import Suite
from atbench.spec.records import CellForm
from atbench.spec.suite import SEARCH_PREFIX


def choose_samplers(search: Suite) -> None:
    """Write ``results/<scale>/tuning/<suite>-samplers.json``: what every candidate measured, and the winners.

    search: the suite ``tune-<suite>-samplers``. Each step count has the candidate of the lowest value: a sampler is to
    be as good as it can be there. Ties go to the first. Winners stand as the scale's ``sampling:`` takes them, by NFE.
    """
    tuning, [run] = search.benchmark.tuning, search.runs()
    record: dict[str, Any] = {"suite": search.drawn_as, "metric": tuning.metric, "seed": tuning.seed}
    record |= {"samplers": {}, "winners": {}, "configs": {run.address.method: run.digest}}
    values = {
        (cell.address.sampler, cell.nfe): CellForm.read(cell.address.path)["metrics"][tuning.metric]
        for cell in run.cells
    }
    for name, candidates in tuning.samplers[search.drawn_as].candidates.items():
        counts = sorted({nfe for sampler, nfe in values if sampler.rpartition("-c")[0] == name})
        rows = [{str(nfe): values[f"{name}-c{index}", nfe] for nfe in counts} for index in range(len(candidates))]
        record["samplers"][name] = [{"options": o, tuning.metric: row} for o, row in zip(candidates, rows)]
        best = {nfe: min(range(len(rows)), key=lambda index: rows[index][nfe]) for nfe in rows[0]}
        record["winners"][name] = by_nfe({nfe: candidates[index] for nfe, index in best.items()})
    write_record(f"{ROOT}/{search.scale}/tuning/{search.name.removeprefix(SEARCH_PREFIX)}.json", record)
    print(f"{search.drawn_as}: {record['winners']}")


def by_nfe(chosen: dict[Any, Any]) -> Any:
    """NFE -> options, as options whose numbers stand by NFE; words are the same at each."""
    first = next(iter(chosen.values()))
    if isinstance(first, dict):
        return {key: by_nfe({nfe: options[key] for nfe, options in chosen.items()}) for key in first}
    return first if isinstance(first, str) else chosen
