"""Training batches as a function of their index: all methods of one seed see the same images in one order."""

import torch
from torch import Tensor

from atbench.data import ImageSet
from atbench.rng import seed_of
from atbench.runtime.errors import UserError


class Batches:
    """Batches of an image set, without any state that a resumed run would have to restore.

    An epoch is `len(images) // batch_size` whole batches in an order of its own; the remainder sits out and
    another epoch's order brings it back, so no batch straddles two epochs.

    seed_names: what the order is named after (see atbench.rng.seed_of); flip: mirror each image with
    probability 1/2.
    Raises UserError when a batch is empty or larger than the set.
    """

    def __init__(self, images: ImageSet, batch_size: int, seed_names: tuple[str | int, ...], flip: bool):
        if not 1 <= batch_size <= len(images):
            raise UserError(f"batch_size: {batch_size} is not between 1 and N = {len(images)} images of {images.name}")
        self.images = images
        self.batch_size = batch_size
        self.seed_names = tuple(seed_names)
        self.flip = flip
        self.per_epoch = len(images) // batch_size
        self._cached = (-1, torch.empty(0))  # (epoch, its order): speed only, `_order` can always rebuild it

    def batch(self, index: int) -> tuple[Tensor, Tensor | None]:
        """x0 float32 (B, C, H, W) in [-1, 1], labels int64 (B,) or None; from (seed_names, index) alone."""
        rows = self.rows(index)
        x0 = self.images.floats(rows)
        labels = None if self.images.labels is None else self.images.labels[rows]
        return (self._flipped(x0, index) if self.flip else x0), labels

    def rows(self, index: int) -> Tensor:
        """Numbers (B,) of the images of a batch."""
        if index < 0:
            raise ValueError(f"batch index {index} is negative")
        epoch, place = divmod(index, self.per_epoch)
        return self._order(epoch)[place * self.batch_size : (place + 1) * self.batch_size]

    def _order(self, epoch: int) -> Tensor:
        """The permutation (N,) of one epoch."""
        if self._cached[0] != epoch:
            self._cached = (epoch, self._drawn(epoch))
        return self._cached[1]

    def _drawn(self, epoch: int) -> Tensor:
        return torch.randperm(len(self.images), generator=self._generator("epoch", epoch))

    def _flipped(self, x0: Tensor, index: int) -> Tensor:
        """x0 with each image mirrored left to right with probability 1/2."""
        # Its own stream, named by the batch: switching flips on leaves the order of the images alone.
        mirror = torch.rand(len(x0), generator=self._generator("flip", index)) < 0.5
        return torch.where(mirror[:, None, None, None], x0.flip(-1), x0)

    def _generator(self, *names: str | int) -> torch.Generator:
        return torch.Generator().manual_seed(seed_of(*self.seed_names, *names))
