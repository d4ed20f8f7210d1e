"""What fields of several experiment files must agree on: names that one uses and another declares, and more."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from atbench.runtime.errors import UserError, unknown
from atbench.spec import fewer, tuning_checks
from atbench.spec.benchmark import Benchmark
from atbench.spec.experiments import Experiments
from atbench.spec.fields import Entry, Origin
from atbench.spec.metrics import DISTANCE, DISTANCE_NAMES, METRICS, TRAINING
from atbench.spec.models.evidence import CURVE, GRID, Claim, Family
from atbench.spec.models.methods import OBJECTIVES, PERTURBATIONS, Method
from atbench.spec.models.samplers import Sampler
from atbench.spec.models.suites import IMPORTED, PRETRAINED, SCRATCH, SuiteFile
from atbench.spec.references import references
from atbench.spec.rivals import base_of
from atbench.spec.scales import at, origin
from atbench.spec.suite import SEARCH_PREFIX
from atbench.spec.yaml import short

EXPERIMENTS = re.compile(r"^\S+\.yaml: ")  # how a line about a file of experiments/ begins
CLAIMS, REVIEWS = "experiments/claims.yaml", "experiments/reviews.yaml"


def names(files: Experiments) -> None:
    """Raises UserError naming the file and key of the first name that no file declares."""
    _references(files)
    extractor = files.size.extractor
    if extractor not in DISTANCE_NAMES:
        raise UserError(f"{files.scale_file}: extractor: {unknown('extractor', extractor, DISTANCE_NAMES)}")
    for name, suite in files.suites.items():
        _init(f"experiments/suites/{name}.yaml: init", suite.init, files)
        _views(f"experiments/suites/{name}.yaml", suite)
    for name, block in files.size.suites.items():
        _init(f"{files.scale_file}: suites.{name}.init", block.init or SCRATCH, files)
        _imported(f"{files.scale_file}: suites.{name}", files.suites[name], block)
        fewer.methods(f"{files.scale_file}: suites.{name}", files.suites[name], block)
        fewer.cells(f"{files.scale_file}: suites.{name}", files.suites[name], block)
    _perturbations(files.methods)
    tuning_checks.candidates(files)
    stated: dict[str, Family] = {}
    for name, claim in files.claims.claims.items():
        _claim(name, claim, files.probes)
        _corrected(name, claim, files.samplers)
        if claim.family and stated.setdefault(claim.family.name, claim.family) != claim.family:
            raise UserError(f"{CLAIMS}: claims.{name}.family: another claim states {claim.family.name} otherwise")
    _questions(files)


def _references(files: Experiments) -> None:
    """Every name that the types of the files mark as another file's (`atbench.spec.references`)."""
    known: dict[str, Collection[str]] = {
        "suite": files.suites,
        "method": files.methods,
        "sampler": files.samplers,
        "metric": METRICS,
        "claim": files.claims.claims,
    }
    entries: list[tuple[str, str, Entry]] = [(f"suites/{name}", "", suite) for name, suite in files.suites.items()]
    entries += [("methods", name, method) for name, method in files.methods.items()]
    entries += [(f"scales/{files.scale}", "", files.size), ("tuning", "", files.tuning)]
    entries += [(name, "", settings) for name, settings in files.probes.items()]
    entries += [("claims", "", files.claims), ("reviews", "", files.reviews)]
    for stem, prefix, entry in entries:
        for key, kind, name in references(entry, prefix):
            if name not in known[kind]:
                file = f"experiments/{stem}.yaml"
                if entry is files.size:  # which may stand on another scale's
                    file = short(origin(files.scale, [*key.split("."), name]))
                raise UserError(f"{file}: {key}: {unknown(kind, name, known[kind])}")


def _perturbations(methods: Mapping[str, Method]) -> None:
    for name, method in methods.items():
        if not method.fits:
            kind = method.perturbation.kind
            wanted = PERTURBATIONS[kind].constants["perturbs"]
            reason = f"{kind!r} perturbs networks of {wanted}, and {name} trains {method.objective}"
            raise UserError(f"experiments/methods.yaml: {name}.perturbation.kind: {reason}")


def blocks(file: Origin, scale: Mapping[str, Any], suites: Collection[str]) -> None:
    """Raises UserError for a block of a scale that no suite has: before a suite of another name misses its keys."""
    for key in ("suites", "tuned"):
        block = scale.get(key)
        for name in block if isinstance(block, dict) else ():
            if name not in suites:
                raise UserError(f"{short(file([key, str(name)]))}: {key}: {unknown('suite', name, suites)}")


def runs(benchmark: Benchmark) -> None:
    """Resolve every run of the scale and its searches. Raises UserError for what no run can be made from."""
    for name in [*benchmark.suites, *(SEARCH_PREFIX + search for search in benchmark.searches)]:
        try:
            for run in benchmark.suite(name).runs():
                run.digest  # noqa: B018 (raises where a constant is missing)
        except UserError as error:
            if EXPERIMENTS.search(str(error)):
                raise
            key = at(benchmark.scale, f"suites.{name.removeprefix(SEARCH_PREFIX)}")  # which asks for the run
            raise UserError(f"{key}: {error}") from error
    benchmark.references  # noqa: B018 (raises for two data sets of one name)


def _init(where: str, init: str, files: Experiments) -> None:
    if init in (SCRATCH, IMPORTED) or init.startswith(f"{PRETRAINED}/"):
        return
    suite, method = init.split("/")
    for kind, name, known in (("suite", suite, files.suites), ("method", method, files.methods)):
        if name not in known:
            raise UserError(f"{where}: {unknown(kind, name, known)}")
    trained, of_suite = (_network(files.methods[each]) for each in (method, files.suites[suite].methods[0]))
    if trained and of_suite and trained != of_suite:
        raise UserError(f"{where}: {method} trains a {trained}, the methods of {suite} a {of_suite}")


def _network(method: Method) -> str | None:
    """The kind of network that a method trains; None where it takes that of the run it goes on from."""
    return OBJECTIVES[method.objective].constants["network"] if method.objective in OBJECTIVES else None


def _views(file: str, suite: SuiteFile) -> None:
    for name, view in suite.views.items():
        key = f"{file}: views.{name}.methods"
        for method in view.methods:
            if method not in suite.methods:
                raise UserError(f"{key}: {unknown('method of the suite', method, suite.methods)}")
        if view.methods[0] != suite.methods[0]:  # whose learning rate all of them use
            raise UserError(f"{key}: must begin with the suite's first, {suite.methods[0]}")


def _imported(key: str, suite: SuiteFile, block: Any) -> None:
    """Files belong to a suite that imports, under the names of its methods, and are one seed."""
    imports = block.imported is not None
    if (suite.init == IMPORTED) != imports:
        raise UserError(f"{key}.imported: belongs to suites with `init: imported` and to all of them")
    if not imports:
        missing = [name for name in ("batches", "snapshots") if getattr(block, name) is None]
        if missing:
            raise UserError(f"{key}.{missing[0]}: missing")
        return
    for method in block.imported:
        if method not in suite.methods:
            raise UserError(f"{key}.imported: {unknown('method of the suite', method, suite.methods)}")
    if not block.imported:
        raise UserError(f"{key}.imported: names no file")
    surplus = [name for name in ("batches", "snapshots", "training") if getattr(block, name) is not None]
    if surplus:
        raise UserError(f"{key}.{surplus[0]}: has no meaning for checkpoints: nothing is trained")
    if block.seeds != (0,):
        raise UserError(f"{key}.seeds: {list(block.seeds)}: a checkpoint is one seed: [0]")
    if suite.conditional == "caption" or suite.space != "pixel":
        raise UserError(f"{key}.imported: such files are networks on pixels, conditional on classes or on nothing")


def _claim(name: str, claim: Claim, probes: Mapping[str, Any]) -> None:
    """A claim on the points of a side measure can use what that measures alone."""
    key = f"{CLAIMS}: claims.{name}"
    named = [TRAINING if claim.metric == DISTANCE else claim.metric, *filter(None, [claim.margin.above])]
    if claim.points in (GRID, CURVE):
        for metric in named:
            if metric not in METRICS:
                raise UserError(f"{key}.metric: {unknown('metric', metric, METRICS)}")
        return
    judged = {probe: settings for probe, settings in probes.items() if settings.claimable()}
    if claim.points not in judged:
        raise UserError(f"{key}.points: {unknown('kind of points', claim.points, [GRID, CURVE, *judged])}")
    settings = judged[claim.points]
    used = (
        ("suite", "suites", claim.suites, settings.suites),
        ("sampler", "samplers", claim.samplers, settings.samplers),
        ("metric", "metric", named, settings.claimable()),
    )
    for kind, part, used_names, known in used:
        for each in used_names:
            if each not in known:
                raise UserError(f"{key}.{part}: {unknown(f'{claim.points} {kind}', each, known)}")


def _corrected(name: str, claim: Claim, samplers: Mapping[str, Sampler]) -> None:
    """A claim on training-free samplers is about samplers that have one, or no scale could name it."""
    bases = {base_of(sampler, samplers) for sampler in samplers} - {None}
    for sampler in claim.samplers if claim.training_free else ():
        if sampler not in bases:
            known = unknown("sampler with a training-free correction", sampler, bases)
            raise UserError(f"{CLAIMS}: claims.{name}.samplers: {known}")


def _questions(files: Experiments) -> None:
    views = [f"{name}/{view}" for name, suite in files.suites.items() for view in suite.views]
    cost: Any = files.probes["cost"]
    costs = [f"{suite}/{method}" for suite, methods in cost.methods.items() for method in methods]
    for place, question in enumerate(files.reviews.questions):
        for kind, name, known in (("view", question.view, views), ("cost", question.cost, costs)):
            if name is not None and name not in known:
                raise UserError(f"{REVIEWS}: questions.{place}.{kind}: {unknown(kind, name, known)}")
