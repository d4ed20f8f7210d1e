"""What a scale has of a suite: without some methods, with some controls and rivals, and which cells of which seeds."""

from atbench.runtime.errors import UserError, unknown
from atbench.spec.models.scale import SuiteSize
from atbench.spec.models.suites import SuiteFile


def methods(key: str, suite: SuiteFile, block: SuiteSize) -> None:
    """Raises UserError for methods that a scale cannot leave out: of those compared the first, whose rate all use."""
    for where, kind, names, known in (
        ("without", "method of the suite", block.without, suite.methods),
        ("controls", "control of the suite", block.controls, suite.controls),
    ):
        for name in names:
            if name not in known:
                raise UserError(f"{key}.{where}: {unknown(kind, name, known)}")
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
    headline = block.headline.samplers if block.headline else ()
    for where, kind, names, known in (
        ("rivals", "rival of the suite", block.rivals, suite.rivals),
        ("nfe", "sampler of the suite", block.nfe, samplers),
        ("headline.samplers", "sampler of the suite", headline, samplers),
    ):
        for name in names:
            if name not in known:
                raise UserError(f"{key}.{where}: {unknown(kind, name, known)}")
    for seed in block.headline.seeds if block.headline else ():
        if seed not in block.seeds:
            raise UserError(f"{key}.headline.seeds: {seed} is none of its seeds")
