"""What a trainer needs to know of a run: the method's constants filled in, beside what its suite trains with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import ValidationError

from atbench.runtime.errors import UserError
from atbench.spec.address import Run
from atbench.spec.fields import FACTOR, TUNED, Entry, refusal
from atbench.spec.models.methods import PERTURBATIONS, Method
from atbench.spec.models.training import Training
from atbench.spec.scales import at, origin
from atbench.spec.signatures import model_of
from atbench.spec.suite import SuiteSpec


@dataclass(frozen=True)
class Recipe:
    """What a trainer needs to know of a run."""

    objective: str
    options: Mapping[str, Any]  # of the objective
    perturbation: Entry  # kind and constants
    learning_rate: float
    training: Training
    conditional: bool | str
    seed_names: tuple[str | int, ...]  # behind every random draw: methods of one suite and seed meet the same ones
    network: Mapping[str, Any]  # constructor arguments
    network_kind: str


def recipe_of(suite: SuiteSpec, method: Method, address: Run) -> Recipe:
    """The recipe of a run. Raises UserError for a constant that the scale lacks, or that is out of its range."""
    constants, where = suite.constants(address.method), f"tuned.{suite.drawn_as}.{suite.lineage[address.method][-1]}"
    shared = f"tuned.{suite.drawn_as}.{suite.baseline}"
    filled = _filled(method.perturbation.written(), constants, suite, where)
    rate = _filled({"learning_rate": TUNED}, constants, suite, shared)["learning_rate"] * method.learning_rate_factor
    rate *= constants.get(FACTOR, 1)
    if rate > 1:
        reason = f"{rate:g} with the factor of {address.method}, allowed: at most 1"
        raise UserError(f"{at(suite.scale, f'{shared}.learning_rate')}: {reason}")
    try:
        options = model_of(PERTURBATIONS[filled["kind"]]).model_validate(filled)
    except ValidationError as error:
        raise refusal(error, filled, partial(origin, suite.scale), where) from error
    return Recipe(
        objective=method.objective,
        options=method.objective_options,
        perturbation=options,
        learning_rate=rate,
        training=suite.training,
        conditional=suite.conditional,
        seed_names=(suite.drawn_as, address.seed),
        network=suite.network.written(),
        network_kind=suite.network_kind,
    )


def _filled(block: Mapping[str, Any], constants: Mapping[str, float], suite: SuiteSpec, where: str) -> dict[str, Any]:
    """``block`` with every value ``tuned`` replaced by the constant of that name."""
    missing = [key for key, value in block.items() if value == TUNED and key not in constants]
    if missing:
        raise UserError(f"{at(suite.scale, where)}: lacks {', '.join(missing)}")
    return {key: constants[key] if value == TUNED else value for key, value in block.items()}
