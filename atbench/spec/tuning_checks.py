"""What candidates of the tuning search must agree with: methods, samplers, and the ranges that constants have."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from atbench.runtime.errors import UserError, unknown
from atbench.spec.experiments import Experiments
from atbench.spec.fields import FACTOR, refusal
from atbench.spec.models.methods import Method
from atbench.spec.models.scale import RATES, tuned_type
from atbench.spec.models.tuning import TuningFile
from atbench.spec.scales import at
from atbench.spec.tuning import with_options


def candidates(files: Experiments) -> None:
    """Raises UserError naming the file and key of the first candidate that cannot be tried."""
    _tuning(files.tuning, files.methods)
    _rates(files)
    _tried_samplers(files)


def _tuning(tuning: TuningFile, methods: Mapping[str, Method]) -> None:
    for searched in tuning.suites.values():
        if searched not in tuning.search:
            raise UserError(f"experiments/tuning.yaml: search: {unknown('suite', searched, tuning.search)}")
    for name, search in tuning.search.items():
        for method in search.methods:
            options = type(methods[method].perturbation).model_fields
            tunable = [*RATES, *(option for option in options if option in tuned_type().model_fields)]
            key = f"search.{name}.methods.{method}"
            for constant, values in search.constants(method).items():
                if constant not in tunable:
                    raise UserError(f"experiments/tuning.yaml: {key}: {unknown('constant', constant, tunable)}")
                for value in values:  # each in the range that the constant has in `tuned:`
                    _tried({constant: value}, key)


def _rates(files: Experiments) -> None:
    """The baseline's rate is what factors act on: one of its own would act on all methods."""
    for name, suite in files.suites.items():
        baseline = suite.methods[0]
        if name in files.tuning.search and FACTOR in files.tuning.search[name].methods.get(baseline, {}):
            key = f"search.{name}.methods.{baseline}.{FACTOR}"
            raise UserError(f"experiments/tuning.yaml: {key}: {baseline} is what factors act on")
        tuned = files.size.tuned.get(name, {}).get(baseline)
        if tuned and FACTOR in tuned.written():
            key = f"tuned.{name}.{baseline}.{FACTOR}"
            raise UserError(f"{at(files.scale, key)}: {baseline} is what factors act on")


def _tried_samplers(files: Experiments) -> None:
    for suite, search in files.tuning.samplers.items():
        for name, candidates in search.candidates.items():
            for index, options in enumerate(candidates):
                key = f"samplers.{suite}.candidates.{name}.{index}"
                if surplus := [option for option in options if option in ("label", "kind")]:
                    raise UserError(f"experiments/tuning.yaml: {key}.{surplus[0]}: is no constant")
                try:
                    with_options(files.samplers[name], options)
                except ValidationError as error:
                    raise refusal(error, options, "experiments/tuning.yaml", key) from error


def _tried(constant: dict[str, Any], key: str) -> None:
    try:
        tuned_type().model_validate(constant)
    except ValidationError as error:
        raise refusal(error, constant, "experiments/tuning.yaml", key) from error
