"""methods.yaml: the science of training, objective x perturbation."""

from typing import Annotated, Any, Literal

from pydantic import Field

from atbench.spec.fields import Entry, Factor, MethodName, Name
from atbench.spec.signatures import any_of, declared, model_of

INHERITED = "inherited"  # the objective of the run under `init`
NOISE_PREDICTION = "noise-prediction"
CONSISTENCY = "consistency"
PERTURBATIONS = declared("training/perturbations", "fields")
OBJECTIVES = declared("training/objectives", "keywords")


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
    perturbation: Any

    @property
    def inner_steps(self) -> int:
        """K: rounds of the network on one batch."""
        return int(getattr(self.perturbation, "inner_steps", 1))

    @property
    def free(self) -> bool:
        """Whether the parameters are updated in every round, as in free adversarial training."""
        return bool(getattr(self.perturbation, "free", True))

    @property
    def follows(self) -> bool:
        """Whether the target moves with delta."""
        return bool(getattr(self.perturbation, "follow", False))

    @property
    def sampled_as(self) -> str:
        """The objective whose samplers sample its networks: its own, or one that this says it is an eps-network of."""
        constants = OBJECTIVES[self.objective].constants if self.objective in OBJECTIVES else {}
        return str(constants.get("sampled_as", self.objective))

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


class _Perturbed(Method):
    perturbation: any_of([model_of(found, tunable=True) for found in PERTURBATIONS.values()])  # type: ignore[valid-type]


class Inherited(_Perturbed):
    """A method that trains nothing of its own: the run under ``init`` as it is."""

    objective: Literal["inherited"]


AnyMethod: Any = any_of(
    [*(model_of(found, "objective", _Perturbed) for found in OBJECTIVES.values()), Inherited], "objective"
)
