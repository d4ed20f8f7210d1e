"""What a scale leaves out of a suite: methods, samplers and, for some seeds, all cells but the headline's."""

from collections.abc import Collection

from atbench.runtime.errors import UserError, unknown
from atbench.spec.models.scale import SuiteSize
from atbench.spec.models.suites import SuiteFile


def methods(key: str, suite: SuiteFile, chosen: Collection[str] | None) -> None:
    """Raises UserError for methods that a scale cannot leave out: of those compared the first, whose rate all use."""
    if chosen is None:
        return
    offered = (*suite.methods, *suite.controls)
    for method in chosen:
        if method not in offered:
            raise UserError(f"{key}: {unknown('method of the suite', method, offered)}")
    if suite.samplers and suite.methods[0] not in chosen:
        raise UserError(f"{key}: must hold the suite's first, {suite.methods[0]}, whose learning rate all use")
    for name, view in suite.views.items():
        if left := [method for method in view.methods if method not in chosen]:
            raise UserError(f"{key}: lacks {left[0]}, which the view {name} shows")


def cells(key: str, suite: SuiteFile, block: SuiteSize) -> None:
    """Raises UserError for a sampler that the suite lacks, or whose images it shows, and for a foreign seed."""
    samplers = block.samplers or suite.samplers
    asked = {"samplers": samplers, "nfe": block.nfe, "headline.samplers": block.headline and block.headline.samplers}
    for where, names in asked.items():
        known = (*suite.samplers, *suite.rivals) if where == "samplers" else samplers
        for name in names or ():
            if name not in known:
                raise UserError(f"{key}.{where}: {unknown('sampler of the suite', name, known)}")
    if block.samplers and suite.grids and suite.grids.sampler not in samplers:
        raise UserError(f"{key}.samplers: lacks {suite.grids.sampler}, whose images the suite shows")
    for seed in block.headline.seeds if block.headline else ():
        if seed not in block.seeds:
            raise UserError(f"{key}.headline.seeds: {seed} is none of its seeds")
