"""Samplers by name: kind and options come from samplers.yaml and are checked at construction."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from atbench.diffusion.schedule import Schedule
from atbench.runtime.errors import UserError
from atbench.sampling.ancestral import Ancestral
from atbench.sampling.consistency import Consistency
from atbench.sampling.ddim import Ddim
from atbench.sampling.dpm_solver import DpmSolver
from atbench.sampling.heun import Heun

# kind -> class; the keyword-only parameters of `build(nfe, schedule, *, ...)` are its options.
KINDS = {"ancestral": Ancestral, "ddim": Ddim, "dpm-solver++": DpmSolver, "consistency": Consistency, "heun": Heun}


class Sampler(Protocol):
    """A full sampling loop of a fixed nfe."""

    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[[int], Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) standard Gaussian -> x0 (N, C, H, W).

        Args:
            denoise: (x (N, C, H, W), t (N,) float32 network labels, maybe fractional) -> (N, 2C, H, W), eps
                then v.
            step_noise: k -> fresh Gaussian noise like x_T for the k-th step, k = 0 being the noisiest.
        """
        ...


def make_sampler(name: str, config: dict[str, Any], nfe: int, schedule: Schedule) -> Sampler:
    """The sampler that samplers.yaml calls `name`, for nfe network evaluations per sample.

    Args:
        config: `kind` (a key of KINDS) and that kind's options.
    Raises:
        UserError: unknown kind or option, an option that is no number, or an nfe that the kind cannot spend
            (the message names the sampler and the nearest valid nfe).
    """
    kind = config.get("kind")
    if kind not in KINDS:
        raise UserError(f"sampler {name!r}: kind {kind!r} is unknown; allowed are {', '.join(KINDS)}")
    build = KINDS[kind].build
    options = {key: value for key, value in config.items() if key != "kind"}
    parameters = inspect.signature(build).parameters.values()
    allowed = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for key, value in options.items():
        if key not in allowed:
            raise UserError(
                f"sampler {name!r}: option {key!r} is unknown; {kind} allows {', '.join(allowed) or 'none'}"
            )
        wanted = "truth value" if key == "clip" else "number"
        if key != "grid" and (isinstance(value, bool) != (key == "clip") or not isinstance(value, int | float)):
            raise UserError(f"sampler {name!r}: {key} {value!r} must be a {wanted}")
    try:
        return build(nfe, schedule, **options)
    except UserError as error:
        raise UserError(f"sampler {name!r}: {error}") from None


class CountingDenoiser:
    """Measures the nfe: a denoiser that counts how many images the wrapped one was asked about.

    Args:
        denoise: the denoiser to pass on to.
        samples: images sampled through this wrapper in all (padding included), over any number of batches.
    """

    def __init__(self, denoise: Callable[[Tensor, Tensor], Tensor], samples: int) -> None:
        self.denoise = denoise
        self.samples = samples
        self.evaluations = 0

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        # Images, not calls: a batch doubled for guidance costs two evaluations per sample.
        self.evaluations += len(x)
        return self.denoise(x, t)

    @property
    def nfe(self) -> int:
        """Network evaluations per sample; RuntimeError when the count is no multiple of the samples."""
        nfe, rest = divmod(self.evaluations, self.samples)
        if rest:
            raise RuntimeError(f"{self.evaluations} evaluations do not divide among {self.samples} samples")
        return nfe
