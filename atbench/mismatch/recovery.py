"""One-step recovery: how much of a sampler's own error the network's next prediction takes back."""

from itertools import pairwise

import torch
from torch import Tensor

from atbench.diffusion.process import Process
from atbench.diffusion.steps import ddim_step
from atbench.mismatch.trajectory import Denoiser
from atbench.rng import gaussian
from atbench.training.norms import rms


@torch.no_grad()
def recovery(denoise: Denoiser, images: Tensor, process: Process, times: list[int], names: tuple) -> list[dict]:
    """One row per pair of neighbouring ``times``, which fall; ``images`` (M, C, H, W) in [-1, 1], M <= one block.

    From the true x_s the network takes one step of the DDIM sampler to t < s; its error e is the distance to the true
    x_t of the same image and noise. Did the next prediction of eps ignore e, its x0_hat would move by e / alpha_t:

    t          timestep at which the error is met
    error      RMS of e per dimension, mean over images: comparable with the step and radius of adversarial training
    recovered  1 - |x0_hat(x_t + e) - x0_hat(x_t)| / (|e| / alpha_t): 1 takes the error back, 0 passes it on
               whole, below 0 magnifies it; norms over all images together
    """
    eps = gaussian(images.shape, *names, "recovery")
    return [_row(denoise, images, eps, process, s, t) for s, t in pairwise(times)]


def _row(denoise: Denoiser, images: Tensor, eps: Tensor, process: Process, s: int, t: int) -> dict:
    alpha, sigma = (table(torch.tensor([t]), images) for table in (process.alpha, process.sigma))
    true = process.q_sample(images, _all(t, images), eps)
    before = process.q_sample(images, _all(s, images), eps)
    x0_hat = _x0_hat(denoise, before, s, process).clamp(-1, 1)
    reached = ddim_step(x0_hat, process.eps_from_x0(before, _all(s, images), x0_hat), alpha, sigma)
    error = reached - true
    # Not clamped here: a clamp would take errors back whatever the network does.
    moved = _x0_hat(denoise, reached, t, process) - _x0_hat(denoise, true, t, process)
    return {
        "t": t,
        "error": rms(error).mean().item(),
        "recovered": 1 - (moved.norm() / (error.norm() / alpha.flatten())).item(),
    }


def _x0_hat(denoise: Denoiser, x: Tensor, t: int, process: Process) -> Tensor:
    return process.x0_from_eps(x, _all(t, x), denoise(x, _all(t, x).float())[:, : x.shape[1]])


def _all(t: int, like: Tensor) -> Tensor:
    return torch.full((len(like),), t, device=like.device)
