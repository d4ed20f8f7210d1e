"""The latent space of a suite: encode what it trains on, decode what it samples."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from atbench.cells import Run
from atbench.data import ImageSet, to_float
from atbench.models.weights import load_model
from atbench.tasks.run_record import trained

BLOCK = 256  # images per pass


def load_autoencoder(run: Run, device: torch.device) -> nn.Module:
    """The finished autoencoder of a run. Raises UserError when it is missing or of another configuration."""
    trained(run)
    return load_model(run.weights(), "autoencoder").to(device)


@torch.no_grad()
def encoded(images: ImageSet, autoencoder: nn.Module) -> ImageSet:
    """The set with float latents in place of its images; labels stay."""
    device = next(autoencoder.parameters()).device
    blocks = [autoencoder.encode(to_float(block).to(device)).cpu() for block in images.images.split(BLOCK)]
    return replace(images, images=torch.cat(blocks))


@torch.no_grad()
def reconstructed(images: Tensor, autoencoder: nn.Module) -> Tensor:
    """Float images (N, C, H, W) after encoding and decoding uint8 ones: what the latent space can show at best."""
    device = next(autoencoder.parameters()).device
    blocks = images.split(BLOCK)
    return torch.cat([autoencoder.decode(autoencoder.encode(to_float(block).to(device))).cpu() for block in blocks])
