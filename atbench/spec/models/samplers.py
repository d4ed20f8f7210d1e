"""samplers.yaml: the science of sampling. NFE is the number of network evaluations per image."""

from typing import Any, Literal

from pydantic import Field

from atbench.spec.fields import Entry, Guidance
from atbench.spec.models.methods import CONSISTENCY, NOISE_PREDICTION
from atbench.spec.signatures import any_of, declared, model_of

KINDS = declared("sampling", "build")


class Sampler(Entry):
    """One sampler: its kind and that kind's options."""

    label: str = Field(description="its name in tables and figures")
    kind: str
    guidance: Guidance | None = Field(None, description="weight towards the caption (classifier-free guidance)")
    schedule: Literal["cosine", "scaled-linear"] = Field("cosine", description="noise schedule of the network")

    @property
    def objective(self) -> str:
        """The objective whose networks it samples."""
        return str(KINDS[self.kind].constants.get("samples", NOISE_PREDICTION))

    @property
    def is_distilled(self) -> bool:
        """Whether it samples consistency models, whose guidance is folded in and whose grid is the distillation's."""
        return self.objective == CONSISTENCY

    @property
    def evaluations_per_step(self) -> int:
        """Network evaluations that a step of the sampler asks of its denoiser's network: guidance takes two."""
        return 2 if self.guidance is not None and not self.is_distilled else 1


AnySampler: Any = any_of([model_of(found, base=Sampler) for found in KINDS.values()])
