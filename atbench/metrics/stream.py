"""Scores of images that come piece by piece: their features are kept, of their pixels never more than a block."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from atbench.metrics.degenerate import remarks
from atbench.metrics.features import Extractor, check_images, joined
from atbench.metrics.memorisation import ROWS, nearest_distances
from atbench.metrics.reference import Reference
from atbench.metrics.score import collecting, score_features
from atbench.spec.metrics import measuring
from atbench.spec.models.metric_options import MetricOptions


class Blockwise:
    """Rows that come in pieces of any size, given to `function` in blocks of exactly `size`, the last as it is left.

    Blocks do not depend on the pieces, and so neither do results, bit for bit.
    """

    def __init__(self, size: int, function: Callable[[Tensor], object]):
        self.size, self.function = size, function
        self.waiting: list[Tensor] = []
        self.results: list = []

    def add(self, rows: Tensor) -> None:
        """Take the next rows; use those that fill blocks."""
        self.waiting.append(rows)
        if sum(map(len, self.waiting)) >= self.size:
            *blocks, rest = torch.cat(self.waiting).split(self.size)
            if len(rest) == self.size:
                blocks, rest = [*blocks, rest], rest[:0]
            self.results += map(self.function, blocks)
            self.waiting = [rest.clone()]  # a view would keep the blocks in memory

    def finish(self) -> list:
        """The results of all blocks in order, after the last rows."""
        rest = torch.cat(self.waiting)
        return [*self.results, self.function(rest)] if len(rest) else self.results


class Scoring:
    """`atbench.metrics.score.score` of uint8 images (n, C, H, W) that are added piece by piece, with the same result.

    Raises UserError as that does, for images of another shape when they are added.
    """

    def __init__(self, extractor: Extractor, reference: Reference, options: MetricOptions):
        self.reference, self.options = reference, options
        self.features = Blockwise(extractor.block, extractor)
        real = {"train": reference.train.images, "heldout": reference.heldout.images}
        self.nearest = Blockwise(ROWS, partial(nearest_distances, **real)) if reference.train.has_images else None
        self.collected = {name: Blockwise(ROWS, collect) for name, collect in collecting(measuring()).items()}
        self.remarks: list[str] = []  # what is degenerate about all images, known at the end

    def add(self, images: Tensor) -> None:
        """Take the next images, at least one."""
        check_images(images, *self.reference.train.images.shape[1:3])
        self.features.add(images)
        for rows in (self.nearest, *self.collected.values()):
            if rows is not None:
                rows.add(images)

    def finish(self, classes: Tensor | None = None, clip: Tensor | None = None) -> dict[str, float]:
        """Every metric of the images added. ``classes`` and ``clip`` (n,): what they were to show, and how well."""
        features = joined(self.features.finish())
        self.remarks = remarks(features)
        nearest = None if self.nearest is None else torch.cat(self.nearest.finish(), dim=1)
        rows = {name: torch.cat(blocks.finish()) for name, blocks in self.collected.items()}
        return score_features(features, self.reference, self.options, nearest, classes, clip, rows)
