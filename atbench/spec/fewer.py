"""What a scale has of a suite: without some methods, with some controls and rivals, and which cells of which seeds."""

from collections.abc import Collection, Iterable

from atbench.runtime.errors import UserError, unknown
from atbench.spec.models.scale import SuiteSize
from atbench.spec.models.suites import SuiteFile


def methods(key: str, suite: SuiteFile, block: SuiteSize) -> None:
    """Raises UserError for methods that a scale cannot leave out: of those compared the first, whose rate all use."""
    _of_suite(f"{key}.without", "method", block.without, suite.methods)
    _of_suite(f"{key}.controls", "control", block.controls, suite.controls)
    if suite.samplers and suite.methods[0] in block.without:
        raise UserError(f"{key}.without: {suite.methods[0]} is the suite's first, whose learning rate all use")
    if set(suite.methods) == set(block.without):
        raise UserError(f"{key}.without: leaves no method of the suite")
    for name, view in suite.views.items():
        if left := [method for method in view.methods if method in block.without]:
            raise UserError(f"{key}.without: {left[0]} is shown by the view {name}")


def cells(key: str, suite: SuiteFile, block: SuiteSize) -> None:
    """Raises UserError for a rival or sampler that the suite does not have, and for a foreign seed."""
    samplers = (*suite.samplers, *block.rivals)
    _of_suite(f"{key}.rivals", "rival", block.rivals, suite.rivals)
    _of_suite(f"{key}.nfe", "sampler", block.nfe, samplers)
    if block.headline:
        _of_suite(f"{key}.headline.samplers", "sampler", block.headline.samplers, samplers)
    for seed in block.headline.seeds if block.headline else ():
        if seed not in block.seeds:
            raise UserError(f"{key}.headline.seeds: {seed} is none of its seeds")


def _of_suite(key: str, kind: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"{key}: {unknown(f'{kind} of the suite', name, known)}")
