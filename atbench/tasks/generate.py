"""Generate the images of a cell: fixed blocks, every latent and label a function of (suite, seed, block) alone."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from atbench.data import to_uint8
from atbench.data.captions import empty
from atbench.data.conditions import CAPTION, condition
from atbench.noise import gaussian, uniform
from atbench.sampling import CountingDenoiser, Sampler

BLOCK = 128  # images per pass, always: CPU convolutions give other bits at other batch sizes
CLASSES = 10  # of captions: the digits


@dataclass(frozen=True)
class Generator:
    """A model with all that turns latents of its sampler into images."""

    model: nn.Module
    sampler: Sampler
    names: tuple  # behind every random draw
    device: torch.device
    guidance: float | None = None  # weight towards the caption; a guided student takes it as an input
    decode: Callable[[Tensor], Tensor] = lambda x: x  # from the latent space

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image, or latent, of the model."""
        config = self.model.config
        return config["in_channels"], config["image_size"], config["image_size"]

    def __call__(self, count: int) -> tuple[Tensor, Tensor | None, int]:
        """``count`` uint8 images (count, C, H, W), the classes asked for (count,) or None, and the measured NFE.

        The last block is generated whole and cut, so image i is the same whatever ``count``, method or process.
        """
        blocks = -(-count // BLOCK)
        counting = CountingDenoiser(None, samples=blocks * BLOCK)
        images, asked = [], []
        with torch.inference_mode():
            for block in range(blocks):
                classes = self.classes(block)
                denoise = self.denoiser(counting, classes, block)
                x_T = gaussian((BLOCK, *self.shape), *self.names, "latent", block).to(self.device)
                images.append(to_uint8(self.decode(self.sampler(denoise, x_T, self.step_noise(block)))).cpu())
                asked.append(classes)
        classes = None if asked[0] is None else torch.cat(asked)[:count]
        return torch.cat(images)[:count], classes, counting.nfe

    def step_noise(self, block: int) -> Callable[[int], Tensor]:
        """Noise of the k-th sampling step of a block."""
        shape = (BLOCK, *self.shape)
        return lambda k: gaussian(shape, *self.names, "step", block, k).to(self.device)

    def classes(self, block: int) -> Tensor | None:
        """Classes (BLOCK,) of a conditional model's images, i.i.d. uniform as in the protocol."""
        count = self.model.num_classes if self.model.vocabulary is None else CLASSES
        return None if count is None else (uniform((BLOCK,), *self.names, "label", block) * count).long()

    def denoiser(
        self, counting: CountingDenoiser, classes: Tensor | None, block: int
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """The denoiser of a block, counted by ``counting``, with its classes, captions and guidance."""
        kind = classes is not None if self.model.vocabulary is None else CAPTION
        labels = condition(kind, classes, (*self.names, "label", block))
        labels = None if labels is None else labels.to(self.device)
        if self.guidance is None or self.model.guided:
            given = [] if labels is None else [labels]
            if self.model.guided:
                given.append(torch.full((BLOCK,), self.guidance, device=self.device))
            counting.denoise = lambda x, t: self.model(x, t, *given)
            return counting
        both = torch.cat([labels, empty(len(labels)).to(labels)])
        counting.denoise = lambda x, t: self.model(x, t, both)
        return lambda x, t: guided(counting(torch.cat([x, x]), torch.cat([t, t])), self.guidance)


def guided(both: Tensor, weight: float) -> Tensor:
    """eps_c + w (eps_c - eps_empty) of outputs (2N, ...) with and without a caption (Ho and Salimans 2021)."""
    towards, away = both.chunk(2)
    return towards + weight * (towards - away)
