"""Generate the images of a cell: fixed blocks, every latent and label a function of (suite, seed, block) alone."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from atbench.data import to_uint8
from atbench.noise import gaussian, uniform
from atbench.sampling import CountingDenoiser, Sampler

BLOCK = 128  # images per pass, always: CPU convolutions give other bits at other batch sizes


def generate(
    model: nn.Module, sampler: Sampler, count: int, shape: tuple[int, ...], names: tuple, device: torch.device
) -> tuple[Tensor, int]:
    """``count`` uint8 images (count, *shape) and the measured NFE.

    The last block is generated whole and cut, so image i is the same whatever ``count``, method or process.
    """
    blocks = -(-count // BLOCK)
    denoiser = CountingDenoiser(None, samples=blocks * BLOCK)
    images = []
    with torch.inference_mode():
        for block in range(blocks):
            denoiser.denoise = conditioned(model, names, block, device)
            x_T = gaussian((BLOCK, *shape), *names, "latent", block).to(device)
            images.append(to_uint8(sampler(denoiser, x_T, step_noise((BLOCK, *shape), names, block, device))).cpu())
    return torch.cat(images)[:count], denoiser.nfe


def step_noise(shape: tuple[int, ...], names: tuple, block: int, device: torch.device) -> Callable[[int], Tensor]:
    """Noise of the k-th sampling step of a block."""
    return lambda k: gaussian(shape, *names, "step", block, k).to(device)


def conditioned(model: nn.Module, names: tuple, block: int, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """The denoiser of a block: with its class labels (i.i.d. uniform, as in the protocol) if the model takes them."""
    if model.num_classes is None:
        return model
    labels = (uniform((BLOCK,), *names, "label", block) * model.num_classes).long().to(device)
    return lambda x, t: model(x, t, labels)
