"""What runs are built on: `continues` among methods, `init`, extractor and autoencoder among suites. No circles."""

from collections.abc import Iterator, Mapping

from atbench.runtime.errors import UserError
from atbench.spec.benchmark import AUTOENCODER_SUITE, EXTRACTOR_SUITE
from atbench.spec.experiments import Experiments
from atbench.spec.models.methods import CONSISTENCY, INHERITED, Method, PassesOf
from atbench.spec.models.suites import IMPORTED, PRETRAINED, SCRATCH
from atbench.spec.scales import at

METHODS = "experiments/methods.yaml"


def check(files: Experiments) -> None:
    """Raises UserError naming the file and key of a circle, and of a budget that no training can have."""
    for name, method in files.methods.items():
        _continues(name, files.methods)
        _budget(name, method, files.methods)
    for name in files.size.suites:
        _circle((name,), files)


def _continues(name: str, methods: Mapping[str, Method]) -> None:
    """A run goes on from one of the same objective, and never from itself."""
    met, base = [name], methods[name].continues
    while base is not None:
        if base in met:
            raise UserError(f"{METHODS}: {name}.continues: {' -> '.join([*met, base])}: a circle")
        if methods[base].objective != methods[name].objective:
            other = methods[base].objective
            raise UserError(f"{METHODS}: {name}.continues: {base!r} trains by another objective, {other}")
        met.append(base)
        base = methods[base].continues


def _budget(name: str, method: Method, methods: Mapping[str, Method]) -> None:
    """Batches, those of the run that is continued included: more than these, and none only where nothing is trained."""
    key = f"{METHODS}: {name}.budget"
    if isinstance(method.budget, PassesOf):
        other = method.budget.passes_of
        if other == name or not method.objective == methods[other].objective == CONSISTENCY:
            distilled = f"only distillation has them ({name} and another method of `objective: {CONSISTENCY}`)"
            raise UserError(f"{key}.passes_of: {other!r}: passes beyond those of the updates: {distilled}")
        return
    if (method.budget == 0) != (method.objective == INHERITED):
        raise UserError(f"{key}: {method.budget}: 0 belongs to `objective: {INHERITED}`, which trains nothing")
    if method.continues is None:
        return
    before = methods[method.continues].budget
    if isinstance(before, int) and method.budget <= before:
        raise UserError(f"{key}: {method.budget}: not above {before}, that of {method.continues}, which it continues")


def _circle(path: tuple[str, ...], files: Experiments) -> None:
    """Raises UserError where a suite rests on itself; ``path`` leads from one suite to what it rests on."""
    for below, file, key in _foundations(path[-1], files):
        if below in path:
            where = f"{file}: {key}" if file else at(files.scale, key)
            raise UserError(f"{where}: the suite {path[-1]} rests on itself: {' -> '.join([*path, below])}")
        _circle((*path, below), files)


def _foundations(name: str, files: Experiments) -> Iterator[tuple[str, str, str]]:
    """The suites that one is made from, each with the file (empty: the scale's) and key that says so."""
    declared, block = files.suites[name], files.size.suites.get(name)
    own, own_file = block.init if block else None, f"experiments/suites/{name}.yaml"
    init = own or declared.init
    if init not in (SCRATCH, IMPORTED) and not init.startswith(f"{PRETRAINED}/"):
        yield init.split("/")[0], *(("", f"suites.{name}.init") if own else (own_file, "init"))
    if name != EXTRACTOR_SUITE and files.size.extractor in files.methods:
        yield EXTRACTOR_SUITE, "", "extractor"
    if declared.space == "latent" and not init.startswith(f"{PRETRAINED}/") and files.size.autoencoder:
        yield AUTOENCODER_SUITE, own_file, "space"
