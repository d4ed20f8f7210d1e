"""The tuning search as suites of candidates: suite ``tune-<suite>``, methods ``<method>-c<index>``.

The constants of training-free samplers have a suite of their own, ``tune-<suite>-samplers``: the suite's baseline from
the search's seeds, and samplers ``<sampler>-c<index>``.
"""

from dataclasses import replace

from atbench.spec.models.samplers import Sampler
from atbench.spec.models.scale import SuiteSize
from atbench.spec.models.tuning import TuningFile
from atbench.spec.suite import SEARCH_PREFIX, SuiteSpec
from atbench.spec.yaml import Mapping

CANDIDATE = "{method}-c{index}"
OF_SAMPLERS = "-samplers"


def searched(tuning: TuningFile, present: list[str]) -> list[str]:
    """The searches of a scale with the suites ``present``: names of suites, or of suites with OF_SAMPLERS."""
    methods = sorted({search for suite, search in tuning.suites.items() if suite in present})
    return methods + [suite + OF_SAMPLERS for suite in tuning.samplers if suite in present]


def looks_through(tuning: TuningFile, name: str) -> str | None:
    """The suite that a search of samplers looks through; None for another search."""
    suite = name.removesuffix(OF_SAMPLERS)
    return suite if suite != name and suite in tuning.samplers else None


def candidates(tuning: TuningFile, suite: str, method: str) -> dict[str, dict[str, float]]:
    """Candidate -> the constant and value that it tries, of one method of a search; counted through its constants."""
    tried = [(key, value) for key, values in tuning.search[suite].constants(method).items() for value in values]
    return {CANDIDATE.format(method=method, index=index): {key: value} for index, (key, value) in enumerate(tried)}


def as_suite(tuning: TuningFile, suite: SuiteSpec) -> SuiteSpec:
    """The suite whose methods are the candidates of the search through ``suite``, judged by the search's own cells."""
    search = tuning.search[suite.name]
    base = {name: method for method in search.methods for name in candidates(tuning, suite.name, method)}
    tried = {name: value for method in search.methods for name, value in candidates(tuning, suite.name, method).items()}
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
        size=_seeded(tuning, suite),
        candidates=tried,
    )


def as_sampler_suite(tuning: TuningFile, suite: SuiteSpec) -> SuiteSpec:
    """The suite of one method, the baseline of ``suite``, sampled with every candidate."""
    search = tuning.samplers[suite.name]
    tried = {
        CANDIDATE.format(method=name, index=index): with_options(suite.sampler(name), options)
        for name, candidates in search.candidates.items()
        for index, options in enumerate(candidates)
    }
    return replace(
        suite,
        name=f"{SEARCH_PREFIX}{suite.name}{OF_SAMPLERS}",
        methods=(suite.baseline,),
        samplers=tuple(tried),
        sampler_catalogue=tried,
        grid=search.nfe,
        views={},
        curves=None,
        samples=None,
        size=_seeded(tuning, suite),
    )


def _seeded(tuning: TuningFile, suite: SuiteSpec) -> SuiteSize:
    """The size of a suite with the seeds of a search through it."""
    return SuiteSize.model_validate(suite.size.written() | {"seeds": list(suite.size.search_seeds or [tuning.seed])})


def with_options(sampler: Sampler, options: Mapping) -> Sampler:
    """A sampler with other options. Raises what validating an entry raises."""
    return type(sampler).model_validate(sampler.written() | options)
