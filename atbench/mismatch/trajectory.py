"""Exposure bias: how far the states that a sampler visits are from the noisy images that the network was trained on."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.metrics.frechet import frechet
from atbench.metrics.reference import feature_statistics
from atbench.rng import gaussian, uniform
from atbench.sampling import Sampler
from atbench.training.norms import rms

Denoiser = Callable[[Tensor, Tensor], Tensor]  # (x (N, C, H, W), t (N,)) -> (N, C or 2C, H, W), eps first


@dataclass
class Recorder:
    """A sampler that remembers the inputs and outputs of its network at every timestep."""

    sampler: Sampler
    states: dict[int, list[Tensor]] = field(default_factory=lambda: defaultdict(list))  # t -> blocks (N, C, H, W)
    predictions: dict[int, list[Tensor]] = field(default_factory=lambda: defaultdict(list))  # t -> eps_hat, likewise

    def __call__(self, denoise: Denoiser, x_T: Tensor, step_noise: Callable[[int], Tensor]) -> Tensor:
        def watched(x: Tensor, t: Tensor) -> Tensor:
            answer = denoise(x, t)
            self.states[int(t[0])].append(x.cpu())
            self.predictions[int(t[0])].append(answer[:, : x.shape[1]].cpu())
            return answer

        return self.sampler(watched, x_T, step_noise)


def exposure(
    seen: Recorder, denoise: Denoiser, images: Tensor, process: Process, draws: int, names: tuple
) -> list[dict]:
    """One row per timestep of a recorded trajectory, from the noisiest on.

    t             timestep
    distance      Frechet distance, in pixels, between the sampler's states and q(x_t), as a share of the total variance
                  of q(x_t)
    floor         the same for true states as many as the sampler's: what the distance is for a perfect sampler
    eps_sampled   mean over samples of the prediction's RMS on the sampler's states
    eps_true      likewise on true states (Ning et al. 2024, "Elucidating the exposure bias in diffusion models")

    ``images`` (M, C, H, W) in [-1, 1] are the training images, each noised ``draws`` times for q(x_t); all draws are by
    ``names``. ``process`` has all T steps. Pixels, because no extractor knows noisy images.
    """
    return [
        _row(t, torch.cat(seen.states[t]), torch.cat(seen.predictions[t]), denoise, images, process, draws, names)
        for t in sorted(seen.states, reverse=True)
    ]


def true_states(images: Tensor, t: int, process: Process, names: tuple) -> Tensor:
    """x_t of every image (M, C, H, W), noise by ``names``."""
    eps = gaussian(images.shape, *names, "true", t)
    return process.q_sample(images, torch.full((len(images),), t), eps)


def _row(
    t: int,
    states: Tensor,
    predictions: Tensor,
    denoise: Denoiser,
    images: Tensor,
    process: Process,
    draws: int,
    names: tuple,
) -> dict:
    pool = torch.cat([true_states(images, t, process, (*names, draw)) for draw in range(draws)])
    chosen = (uniform((len(states),), *names, "resampled", t) * len(images)).long()
    fair = true_states(images[chosen], t, process, (*names, "floor"))
    reference = feature_statistics(pool.flatten(1))
    unit = reference.sigma.trace()
    return {
        "t": t,
        "distance": frechet(feature_statistics(states.flatten(1)), reference) / unit,
        "floor": frechet(feature_statistics(fair.flatten(1)), reference) / unit,
        "eps_sampled": rms(predictions).mean().item(),
        "eps_true": rms(denoise(fair, torch.full((len(fair),), float(t)))[:, : fair.shape[1]].cpu()).mean().item(),
    }
