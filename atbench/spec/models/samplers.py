"""samplers.yaml: the science of sampling. NFE is the number of network evaluations per image."""

import typing
from functools import cache
from typing import Any, Literal

from pydantic import Field

from atbench.spec import plugins
from atbench.spec.corrections import NAMES, resolved
from atbench.spec.fields import Entry, Guidance
from atbench.spec.models.methods import CONSISTENCY, NOISE_PREDICTION
from atbench.spec.plugins import Plugin
from atbench.spec.signatures import Kinds, any_of, model_of
from atbench.spec.yaml import Mapping

KINDS = Kinds("sampling", "build")


class Sampler(Entry):
    """One sampler: its kind and that kind's options."""

    label: str = Field(description="its name in tables and figures")
    kind: str
    guidance: Guidance | None = Field(None, description="weight towards the caption (classifier-free guidance)")
    schedule: Literal["cosine", "scaled-linear"] = Field("cosine", description="noise schedule of the network")

    @classmethod
    def why_not(cls, key: object) -> str:
        """In words, that a key is not known; of a correction, which kinds a source defines it for."""
        if key not in NAMES:
            return super().why_not(key)
        kinds = [kind for kind, found in KINDS.items() if key in (option.name for option in found.options)]
        [own] = typing.get_args(cls.model_fields["kind"].annotation)
        return f"no source defines {NAMES[str(key)]} for {own!r}, only for {', '.join(kinds)}"

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

    def settings_at(self, nfe: int) -> Mapping:
        """What of it determines a cell of ``nfe`` evaluations: all but its label and the constants of other counts."""
        settings = {key: value for key, value in self.written().items() if key != "label"}
        return resolved(settings, nfe // self.evaluations_per_step)


def sampler_type() -> Any:
    """The type of an entry of samplers.yaml, with the kinds that there are."""
    return _sampler_type(plugins.present())


@cache
def _sampler_type(present: tuple[Plugin, ...]) -> Any:
    return any_of([model_of(found, base=Sampler) for found in KINDS.values()])
