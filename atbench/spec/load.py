"""Reading the experiment files: merge, validate, refuse what is unknown, resolve every suite of a scale.

Four kinds of file own different keys (methods, samplers, suites, scales), so no merge order can matter; what the
results are to show (claims, questions of reviewers) stands beside them. A scale may `extends:` another: mappings merge,
lists replace, null removes. A constant may be written `{value: ..., source: ..., why: ...}`.
"""

import re
from collections.abc import Iterable
from functools import cache, partial, reduce
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from atbench.runtime.errors import UserError
from atbench.spec import chains, checks, fit, plugins, spending, yaml
from atbench.spec.address import NAME, Cell, Run
from atbench.spec.benchmark import Benchmark
from atbench.spec.experiments import Experiments
from atbench.spec.fields import Entry, Name, Origin, refusal
from atbench.spec.models.evidence import ClaimsFile, ReviewsFile
from atbench.spec.models.methods import Method, method_type
from atbench.spec.models.samplers import sampler_type
from atbench.spec.models.scale import scale_type
from atbench.spec.models.suites import SuiteFile
from atbench.spec.models.tuning import TuningFile
from atbench.spec.models.workflow import WorkflowFile
from atbench.spec.plugins import Plugin
from atbench.spec.probes import settings_of_probes
from atbench.spec.resolve import suites_of
from atbench.spec.run import CellSpec, RunSpec
from atbench.spec.scales import origin, scale_values
from atbench.spec.yaml import Mapping, merge, plain, read_yaml, short, yaml_files

DEEPEST = 20  # methods that extend one another
LATER = ConfigDict(defer_build=True)  # the command line starts in a third of a second without them


@cache
def load(scale: str) -> Benchmark:
    """Read and check every experiment file for ``scale``. Raises UserError naming the file and the key."""
    folder = yaml.EXPERIMENTS
    methods = _methods(folder / "methods.yaml")
    samplers = validated(samplers_type(), read_yaml(folder / "samplers.yaml"), folder / "samplers.yaml")
    declared = {_named(file): _checked(file, SuiteFile) for file in yaml_files(folder / "suites")}
    values = plain(scale_values(scale))
    checks.blocks(partial(origin, scale), values, declared)
    size = validated(scale_type(), values, partial(origin, scale))
    files = Experiments(
        scale=scale,
        size=size,
        methods=methods,
        samplers=samplers,
        suites=declared,
        tuning=_checked(folder / "tuning.yaml", TuningFile),
        claims=_checked(folder / "claims.yaml", ClaimsFile),
        reviews=_checked(folder / "reviews.yaml", ReviewsFile),
        probes={name: _checked(folder / f"{name}.yaml", model) for name, model in settings_of_probes().items()},
    )
    checks.names(files)
    chains.check(files)
    benchmark = Benchmark(
        scale=scale,
        file=size,
        methods=methods,
        samplers=samplers,
        declared=declared,
        resolved=suites_of(files),
        tuning=files.tuning,
        claims=files.claims.claims,
        questions=files.reviews.questions,
        probes=files.probes,
    )
    checks.runs(benchmark)
    fit.suites(benchmark)
    spending.check(benchmark)
    return benchmark


def suites_at(benchmark: Benchmark, chosen: Iterable[str]) -> list[str]:
    """The suites that were chosen. Those of config.yaml stand for no choice: of them, the ones that a scale has."""
    wanted, unchosen = list(chosen), list(workflow().suites)
    there = [name for name in unchosen if name in benchmark.suites]
    return there if there and wanted == unchosen else wanted


def load_run(address: Run) -> RunSpec:
    """The run at an address. Raises UserError as `load` and `Benchmark.run` do."""
    return load(address.scale).run(address)


def load_cell(address: Cell) -> CellSpec:
    """The cell at an address. Raises UserError as `load` and `Benchmark.cell` do."""
    return load(address.run.scale).cell(address)


def workflow(settings: Mapping | None = None) -> WorkflowFile:
    """What the workflow does: experiments/config.yaml, or that with what `--config` says on top of it."""
    file = yaml.EXPERIMENTS / "config.yaml"
    if settings is None:
        return _checked(file, WorkflowFile)  # type: ignore[no-any-return]
    if settings.get("plugins", []) != read_yaml(file).get("plugins", []):
        raise UserError("--config plugins: belongs into experiments/config.yaml, which every job reads")
    return validated(WorkflowFile, settings, "configuration (experiments/config.yaml and --config)")  # type: ignore[no-any-return]


def validated(model: Any, value: Mapping, file: Path | str | Origin) -> Any:
    """``value`` as a type. Raises UserError naming the file and the key of what does not fit."""
    try:
        return model.validate_python(value) if isinstance(model, TypeAdapter) else model.model_validate(value)
    except ValidationError as error:
        raise refusal(error, value, file) from error


def methods_type() -> TypeAdapter[Any]:
    """The type of methods.yaml. Raises UserError for a plugin that is missing or wrong."""
    return _methods_type(plugins.present())


def samplers_type() -> TypeAdapter[Any]:
    """The type of samplers.yaml. Errors as for `methods_type`."""
    return _samplers_type(plugins.present())


@cache
def _methods_type(present: tuple[Plugin, ...]) -> TypeAdapter[Any]:
    return TypeAdapter(dict[Name, method_type()], config=LATER)  # type: ignore[misc, arg-type]


@cache
def _samplers_type(present: tuple[Plugin, ...]) -> TypeAdapter[Any]:
    return TypeAdapter(dict[Name, sampler_type()], config=LATER)  # type: ignore[misc, arg-type]


def _methods(file: Path) -> dict[str, Method]:
    """The methods, each on top of the one that it ``extends``, so that an entry says only how it differs."""
    entries = read_yaml(file)

    def base_of(name: str) -> Any:
        entry = entries[name]
        return entry.get("extends") if isinstance(entry, dict) else None  # validation refuses anything else

    def whole(name: str) -> Any:
        chain = [name]
        while (base := base_of(chain[-1])) is not None:
            if not isinstance(base, str) or base not in entries or base in chain:
                raise UserError(f"{short(file)}: {chain[-1]}.extends: {base!r} is no other method")
            if len(chain) > DEEPEST:
                raise UserError(f"{short(file)}: {name}.extends: more than {DEEPEST} methods, one on another")
            chain.append(base)
        layers = [entries[each] for each in reversed(chain)]
        return reduce(merge, layers) if all(isinstance(layer, dict) for layer in layers) else layers[0]

    return dict(validated(methods_type(), {name: whole(name) for name in entries}, file))


def _named(file: Path) -> str:
    """The suite that a file declares: its name stands in addresses."""
    if not re.fullmatch(NAME, file.stem):
        raise UserError(f"{short(file)}: {file.stem!r}: must be lower-case letters, digits and single hyphens")
    return file.stem


def _checked(file: Path, model: type[Entry]) -> Any:
    return validated(model, read_yaml(file), file)
