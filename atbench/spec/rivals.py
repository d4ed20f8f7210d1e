"""Which samplers are training-free corrections of which: the same kind and options, and a correction besides."""

from collections.abc import Mapping

from atbench.spec.corrections import NAMES
from atbench.spec.models.samplers import Sampler

NEUTRAL = {"eps_scale": 1.0}  # of an option that a plain sampler may write


def is_corrected(sampler: Sampler) -> bool:
    """Whether a sampler has a training-free correction, whatever its constants."""
    return any(key in NAMES and value != NEUTRAL.get(key) for key, value in sampler.written().items())


def base_of(name: str, samplers: Mapping[str, Sampler]) -> str | None:
    """The plain sampler that ``name`` corrects; None for a plain one, and where nothing plain has its other options."""
    if not is_corrected(samplers[name]):
        return None
    plain = [other for other, sampler in samplers.items() if not is_corrected(sampler)]
    return next((other for other in plain if _rest(samplers[other]) == _rest(samplers[name])), None)


def _rest(sampler: Sampler) -> dict[str, object]:
    """What a file says of a sampler beside its label and corrections."""
    return {key: value for key, value in sampler.written().items() if key != "label" and key not in NAMES}
