"""methods.yaml: the science of training, objective x perturbation."""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from atbench.runtime.errors import UserError
from atbench.spec import plugins
from atbench.spec.fields import Entry, Factor, Many, MethodName, Name, SuiteName
from atbench.spec.plugins import Plugin
from atbench.spec.signatures import Kinds, any_of, declared, model_of

INHERITED = "inherited"  # the objective of the run under `init`
NOISE_PREDICTION = "noise-prediction"
CONSISTENCY = "consistency"
PERTURBATIONS = Kinds("training/perturbations", "fields")
OBJECTIVES = Kinds("training/objectives", "keywords")


class PassesOf(Entry):
    """A budget of as many forward passes as another method of the suite costs."""

    passes_of: MethodName


class Look(Entry):
    """How a method is drawn where lines stand for methods; part of no digest."""

    colour: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")] = Field(description="#rrggbb")
    marker: Literal["o", "s", "^", "v", "<", ">", "D", "d", "P", "X", "*", "p", "h", "8"] = Field(
        description="of its points, as matplotlib names it"
    )
    line: Literal["-", "--", "-.", ":"] = "-"


class Method(Entry):
    """One method: what it trains, under which perturbation, for how long."""

    label: str = Field(description="its name in tables and figures")
    style: Look | None = Field(None, description="its look in figures; without it one that nobody else there has")
    extends: Name | None = Field(
        None, description="method whose keys stand where this one has none; its tuned constants hold too"
    )
    objective: str
    continues: MethodName | None = Field(
        None, description="method of the suite whose finished run this one goes on from"
    )
    learning_rate_factor: Factor = Field(1, description="on the suite's learning rate")
    budget: Annotated[int, Field(ge=0, le=1000)] | PassesOf = Field(
        1, description="batches, in units of the suite's, those of the run it continues included"
    )
    suites: Many[SuiteName] | None = Field(
        None, description="suites that compare it too, after the methods of their own files"
    )
    perturbation: Any

    @property
    def inner_steps(self) -> int:
        """K: rounds of the network on one batch."""
        return int(self._of_perturbation("inner_steps", 1))

    @property
    def free(self) -> bool:
        """Whether the parameters are updated in every round, as in free adversarial training."""
        return bool(self._of_perturbation("free", True))

    @property
    def follows(self) -> bool:
        """Whether the target moves with delta."""
        return bool(self._of_perturbation("follow", False))

    @property
    def further_passes(self) -> int:
        """Forward passes of a batch beyond those of its rounds, as its perturbation and its objective declare them."""
        declared = [self._of_perturbation("passes", 0), *self._constants(OBJECTIVES, self.objective, "passes")]
        return sum(int(self._of_perturbation(each, 0)) if isinstance(each, str) else int(each) for each in declared)

    @property
    def fits(self) -> bool:
        """Whether its perturbation is one of what it trains: some ask the network for what not every network gives."""
        return bool(self._of_perturbation("perturbs", self.sampled_as) == self.sampled_as)

    @property
    def sampled_as(self) -> str:
        """The objective whose samplers sample its networks: its own, or one that this says it is an eps-network of."""
        return str(next(self._constants(OBJECTIVES, self.objective, "sampled_as"), self.objective))

    def _of_perturbation(self, name: str, default: Any) -> Any:
        """What the perturbation's options say, or else its class."""
        constants = self._constants(PERTURBATIONS, getattr(self.perturbation, "kind", ""), name)
        return getattr(self.perturbation, name, next(constants, default))

    @staticmethod
    def _constants(kinds: Kinds, kind: str, name: str) -> Iterator[Any]:
        if kind in kinds and name in kinds[kind].constants:
            yield kinds[kind].constants[name]

    @property
    def solves_anew(self) -> bool:
        """Whether delta moves the teacher's solution instead of the student's input."""
        return getattr(self, "delta_on", None) == "solution"

    @property
    def objective_options(self) -> dict[str, Any]:
        """The options of the objective that the file writes."""
        names = (
            {option.name for option in OBJECTIVES[self.objective].options} if self.objective in OBJECTIVES else set()
        )
        return {key: value for key, value in self.written().items() if key in names}


def method_type() -> Any:
    """The type of an entry of methods.yaml, with the objectives and perturbations that there are.

    Raises UserError for an objective of a plugin that names no network.
    """
    return _method_type(plugins.present())


@cache
def _method_type(present: tuple[Plugin, ...]) -> Any:
    perturbation = any_of([model_of(found, tunable=True) for found in PERTURBATIONS.values()])
    perturbed = create_model("Perturbed", __base__=Method, perturbation=(perturbation, ...))
    networks = declared("models", "arguments")
    for found in OBJECTIVES.values():
        if found.constants.get("network") not in networks:
            known = f"its constant `network` is one of {', '.join(networks)}"
            raise UserError(f"{found.module}: class {found.name}: trains no network: {known}")
    nothing = "A method that trains nothing of its own: the run under ``init`` as it is."
    kind: Any = (Literal["inherited"], ...)
    inherited = create_model("Inherited", __base__=perturbed, __doc__=nothing, objective=kind)
    return any_of([*(model_of(found, "objective", perturbed) for found in OBJECTIVES.values()), inherited], "objective")
