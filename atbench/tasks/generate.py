"""Generate the images of a cell, block by block; what is random belongs to (suite, seed, image), not to a block."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from atbench.data import captions, to_uint8
from atbench.data.conditions import CAPTION, condition
from atbench.rng import gaussian, uniform
from atbench.runtime import processes
from atbench.runtime.errors import UserError
from atbench.sampling import CountingDenoiser, Sampler

BLOCK = 128  # images per pass: CPU convolutions give other bits at other batch sizes, so round-off belongs to it
GROUP = 128  # images whose random numbers are drawn at once: one at a time takes two to ten times as long


@dataclass(frozen=True)
class Generator:
    """A model with all that turns latents of its sampler into images."""

    model: nn.Module
    sampler: Sampler
    names: tuple  # behind every random draw
    device: torch.device
    guidance: float | None = None  # weight towards the caption; a guided student takes it as an input
    decode: Callable[[Tensor], Tensor] = lambda x: x  # from the latent space
    prompts: Sequence[str] = ()  # what to draw, one image each, with
    embed: Callable[[list[str]], Tensor] | None = None  # texts -> embeddings (N, L, D)
    block: int = BLOCK  # images per pass

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of one image, or latent, of the model."""
        config = self.model.config
        return config["in_channels"], config["image_size"], config["image_size"]

    def __call__(self, count: int) -> tuple[Tensor, Tensor | None, int]:
        """``count`` uint8 images (count, C, H, W), what they are to show (count,) or None, and the measured NFE.

        They are to show classes, or prompts by number. The last block is generated whole and cut, so image i is the
        same whatever ``count``, method or process. Raises UserError for more images than there are prompts.
        """
        images, requests, nfe = zip(*self.pieces(count))
        return torch.cat(images), None if requests[0] is None else torch.cat(requests), nfe[0]

    def pieces(self, count: int) -> Iterator[tuple[Tensor, Tensor | None, int]]:
        """The same block by block, so that nobody has to hold all images; every process gets every block."""
        if self.prompts and count > len(self.prompts):
            raise UserError(f"{count} images, but there are {len(self.prompts)} prompts (judged_by.prompts)")
        blocks, taken = range(-(-count // self.block)), set()
        for start in range(0, len(blocks), processes.count()):
            turn = blocks[start : start + processes.count()]  # one each
            with torch.inference_mode():
                made = processes.gather([self.one(block) for block in processes.share(turn)])
            for block, (images, requests, nfe) in zip(turn, made):
                taken.add(nfe)
                if len(taken) > 1:
                    raise RuntimeError(f"the blocks of one cell took {sorted(taken)} network evaluations per image")
                rest = count - block * self.block
                yield images[:rest], None if requests is None else requests[:rest], nfe

    def one(self, block: int) -> tuple[Tensor, Tensor | None, int]:
        """A block's uint8 images, what they are to show, and the NFE."""
        counting, requests = CountingDenoiser(None, samples=self.block), self.requests(block)
        denoise = self.denoiser(counting, requests, block)
        x_T = self.drawn(block, lambda group: gaussian((GROUP, *self.shape), *self.names, "latent", group))
        x_T = x_T.to(self.device)
        images = to_uint8(self.decode(self.sampler(denoise, x_T, self.step_noise(block)))).cpu()
        return images, requests, counting.nfe

    def step_noise(self, block: int) -> Callable[..., Tensor]:
        """Noise of the k-th sampling step of a block, or by further names."""

        def noise(*names: str | int) -> Tensor:
            shape = (GROUP, *self.shape)
            return self.drawn(block, lambda group: gaussian(shape, *self.names, "step", group, *names)).to(self.device)

        return noise

    def drawn(self, block: int, of_group: Callable[[int], Tensor]) -> Tensor:
        """The rows of a block of what ``of_group`` draws for each GROUP of images, (block, ...).

        So what image i gets depends on i, not on how many are passed through the network at once.
        """
        start, end = block * self.block, (block + 1) * self.block
        first = start // GROUP
        rows = torch.cat([of_group(group) for group in range(first, -(-end // GROUP))])
        return rows[start - first * GROUP : end - first * GROUP]

    def requests(self, block: int) -> Tensor | None:
        """What the images are to show (block,): classes, i.i.d. uniform as in the protocol; or prompts in order."""
        if self.prompts:
            return torch.arange(block * self.block, (block + 1) * self.block) % len(self.prompts)
        count = self.model.num_classes if self.model.vocabulary is None else len(captions.CLASS_NAMES)
        return None if count is None else self.drawn(block, lambda group: self.classes(group, count))

    def classes(self, group: int, count: int) -> Tensor:
        """Classes (GROUP,) below ``count`` of a group of images."""
        return (uniform((GROUP,), *self.names, "label", group) * count).long()

    def denoiser(
        self, counting: CountingDenoiser, requests: Tensor | None, block: int
    ) -> Callable[[Tensor, Tensor], Tensor]:
        """The denoiser of a block, counted by ``counting``, with its classes, captions and guidance."""
        labels = self.labels(requests, block)
        labels = None if labels is None else labels.to(self.device)
        if self.guidance is None or self.model.guided:
            given = [] if labels is None else [labels]
            if self.model.guided:
                given.append(torch.full((self.block,), self.guidance, device=self.device))
            counting.denoise = lambda x, t: self.model(x, t, *given)
            return counting
        both = torch.cat([labels, self.model.empty(len(labels)).to(labels)])
        counting.denoise = lambda x, t: self.model(x, t, both)
        return lambda x, t: guided(counting(torch.cat([x, x]), torch.cat([t, t])), self.guidance)

    def labels(self, requests: Tensor | None, block: int) -> Tensor | None:
        """What the network is conditioned on: embeddings of the prompts, classes, or captions of these."""
        if self.prompts:
            return self.embed([self.prompts[row] for row in requests.tolist()])
        if self.model.vocabulary is None:
            return requests

        def captioned(group: int) -> Tensor:
            return condition(CAPTION, self.classes(group, len(captions.CLASS_NAMES)), (*self.names, "label", group))

        return self.drawn(block, captioned)


def guided(both: Tensor, weight: float) -> Tensor:
    """eps_c + w (eps_c - eps_empty) of outputs (2N, ...) with and without a caption (Ho and Salimans 2021)."""
    towards, away = both.chunk(2)
    return towards + weight * (towards - away)
