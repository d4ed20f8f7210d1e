"""The latent space of a suite: encode what it trains on, decode what it samples."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from atbench.data import ImageSet, to_float
from atbench.data.text_images import PairBatches, TextImages
from atbench.models.stable_diffusion import Pipeline
from atbench.models.weights import load_model
from atbench.rng import gaussian
from atbench.spec.judging import Linked
from atbench.tasks.run_record import trained

BLOCK = 256  # images per pass


def load_autoencoder(run: Linked, device: torch.device) -> nn.Module:
    """The finished autoencoder of a run. Raises UserError when it is missing or of another configuration."""
    trained(run)
    return load_model(run.address.weights(), "autoencoder").to(device)


@torch.no_grad()
def encoded(images: ImageSet, autoencoder: nn.Module) -> ImageSet:
    """The set with float latents in place of its images; labels stay."""
    device = next(autoencoder.parameters()).device
    blocks = [autoencoder.encode(to_float(block).to(device)).cpu() for block in images.images.split(BLOCK)]
    return replace(images, images=torch.cat(blocks))


@torch.no_grad()
def reconstructed(images: Tensor, autoencoder: nn.Module, block: int = BLOCK) -> Tensor:
    """Float images (N, C, H, W) after encoding and decoding uint8 ones: what the latent space can show at best."""
    device = next(autoencoder.parameters()).device
    blocks = images.split(block)
    return torch.cat([autoencoder.decode(autoencoder.encode(to_float(part).to(device))).cpu() for part in blocks])


@dataclass(frozen=True)
class EncodedPairs:
    """Image-text pairs as a pipeline's latents and text embeddings, encoded when they are asked for."""

    pairs: TextImages
    pipeline: Pipeline

    @property
    def name(self) -> str:
        return self.pairs.name

    @property
    def hash(self) -> str:
        return self.pairs.hash

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of one latent."""
        return self.pipeline.latent_shape(self.pairs.resolution)

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True)
class Encodable:
    """Rows of a batch, encoded when they are sent to a device: of several processes each encodes its own parts alone.

    What a part becomes depends on how the batch is cut, which is part of the recipe, not on who encodes it.
    """

    rows: range
    encode: Callable[[range], Tensor]

    def __len__(self) -> int:
        return len(self.rows)

    def chunk(self, parts: int) -> list["Encodable"]:
        """Equal parts, as `Tensor.chunk` gives them."""
        size = len(self) // parts
        return [Encodable(self.rows[place * size : (place + 1) * size], self.encode) for place in range(parts)]

    def to(self, device: torch.device) -> Tensor:
        """The encoded rows."""
        return self.encode(self.rows).to(device)


class EncodedBatches:
    """Batches of encoded pairs, a function of their index; errors as for `PairBatches`."""

    def __init__(self, images: EncodedPairs, batch_size: int, seed_names: tuple[str | int, ...]):
        self.images, self.names = images, tuple(seed_names)
        self.batches = PairBatches(images.pairs, batch_size, seed_names)

    def batch(self, index: int) -> tuple[Encodable, Encodable]:
        """Samples of the latents' posterior (B, c, h, w) and text embeddings (B, L, D), to be encoded."""
        pixels, captions = self.batches.batch(index)
        pipeline, rows = self.images.pipeline, range(len(captions))
        # Of all: a part has its rows.
        noise = gaussian((len(rows), *self.images.shape), *self.names, "posterior", index)

        def latents(own: range) -> Tensor:
            x = to_float(pixels[own.start : own.stop]).to(next(pipeline.parameters()).device)
            return pipeline.encode(x, noise[own.start : own.stop].to(x))

        return Encodable(rows, latents), Encodable(rows, lambda own: pipeline.embed(captions[own.start : own.stop]))
