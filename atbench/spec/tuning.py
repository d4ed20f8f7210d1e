"""The tuning search as suites of candidates: suite ``tune-<suite>``, methods ``<method>-c<index>``."""

from dataclasses import replace

from atbench.spec.models.scale import SuiteSize
from atbench.spec.models.tuning import TuningFile
from atbench.spec.suite import SEARCH_PREFIX, SuiteSpec

CANDIDATE = "{method}-c{index}"


def searched(tuning: TuningFile, present: list[str]) -> list[str]:
    """The suites that the search looks through, of those ``present`` at a scale."""
    return sorted({search for suite, search in tuning.suites.items() if suite in present})


def candidates(tuning: TuningFile, suite: str, method: str) -> dict[str, float]:
    """Candidate -> the value that it tries, of one method of a search."""
    _, values = tuning.search[suite].candidates(method)
    return {CANDIDATE.format(method=method, index=index): value for index, value in enumerate(values)}


def as_suite(tuning: TuningFile, suite: SuiteSpec) -> SuiteSpec:
    """The suite whose methods are the candidates of the search through ``suite``, judged by the search's own cells."""
    search = tuning.search[suite.name]
    base = {name: method for method in search.methods for name in candidates(tuning, suite.name, method)}
    tried = {
        name: {search.candidates(method)[0]: value}
        for method in search.methods
        for name, value in candidates(tuning, suite.name, method).items()
    }
    return replace(
        suite,
        name=SEARCH_PREFIX + suite.name,
        methods=tuple(base),
        catalogue={name: suite.method(method) for name, method in base.items()},
        lineage={name: suite.lineage[method] for name, method in base.items()},
        samplers=search.cells.samplers,
        grid=search.cells.nfe,
        views={},
        curves=None,
        samples=None,
        size=SuiteSize.model_validate(suite.size.written() | {"seeds": list(suite.size.search_seeds or [tuning.seed])}),
        candidates=tried,
    )
