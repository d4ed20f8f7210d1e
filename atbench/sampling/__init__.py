"""Samplers: kind and options come from samplers.yaml; each kind is a class in a file of this folder."""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from atbench.diffusion.schedule import make_schedule
from atbench.spec.models import samplers
from atbench.spec.models.training import VeGrid, VpGrid
from atbench.spec.signatures import find

OF_EVERY_KIND = tuple(samplers.Sampler.model_fields)  # keys that are no option of a kind


class Sampler(Protocol):
    """A full sampling loop of a fixed number of steps."""

    def __call__(
        self, denoise: Callable[[Tensor, Tensor], Tensor], x_T: Tensor, step_noise: Callable[..., Tensor]
    ) -> Tensor:
        """x_T (N, C, H, W) standard Gaussian -> x0 (N, C, H, W).

        Args:
            denoise: (x (N, C, H, W), t (N,) float32 network labels, maybe fractional) -> (N, 2C, H, W), eps
                then v.
            step_noise: k -> fresh Gaussian noise like x_T for the k-th step, k = 0 being the noisiest; further names
                give further noise, say step_noise("corrector", k). Equal names, equal noise.

        What a sampler remembers of its steps lives in this call: the next batch knows nothing of it.
        """
        ...


def make_sampler(entry: samplers.Sampler, nfe: int, grid: VpGrid | VeGrid | None = None) -> Sampler:
    """The sampler of an entry of samplers.yaml that calls its denoiser ``nfe`` times per sample.

    grid: of the distillation that the network comes from, where the entry samples distilled networks.
    Raises UserError for an nfe that the kind cannot spend, naming the nearest valid one.
    """
    options = {key: getattr(entry, key) for key in entry.written() if key not in OF_EVERY_KIND}
    if entry.is_distilled:
        options["grid"] = grid
    return find("sampling", "build", "sampler.kind", entry.kind).build(nfe, make_schedule(entry.schedule), **options)


class CountingDenoiser:
    """Measures the nfe: a denoiser that counts how many images the wrapped one was given.

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
