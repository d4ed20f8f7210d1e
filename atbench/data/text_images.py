"""Image-text pairs too many for memory: webdataset shards, or a folder of images with captions beside them.

Batches are a function of their index, as those of `atbench.data.batches` are: a resumed run meets the same pairs in the
same crops. An epoch's order permutes the shards and the pairs within each, so that a batch opens one shard or two.
"""

import hashlib
import io
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from atbench.data import shards
from atbench.data.batches import Batches
from atbench.data.folder import SUFFIXES, as_rgb, channels_first, listed, pixels, read_image, resized
from atbench.data.shards import MOST_CAPTION, MOST_IMAGE
from atbench.rng import uniform
from atbench.runtime.errors import UserError
from atbench.runtime.files import check_file, read_bytes, visible
from atbench.runtime.json_files import parse_json
from atbench.spec.models.scale import Data


class Pair(NamedTuple):
    """One image, still encoded, with its caption."""

    name: str  # for messages: file, and key within a shard
    image: bytes
    caption: str


class Pairs(Protocol):
    """Pairs by number, in groups that are read together."""

    sizes: list[int]  # pairs per group
    hash: str  # SHA-256 over names and sizes of the files: reading terabytes for it would take hours

    def pair(self, group: int, row: int) -> Pair:
        """A pair of a group."""


class Folder:
    """Images (.png, .jpg) with a caption of the same stem (.txt) beside each: one group."""

    def __init__(self, path: Path):
        entries = listed(path)
        self.files = [entry for entry in entries if entry.suffix.lower() in SUFFIXES]
        if not self.files:
            raise UserError(f"data.path: {path}: holds neither shards (.tar) nor images ({', '.join(SUFFIXES)})")
        entries, captions = dict.fromkeys(entries), {file.with_suffix(".txt") for file in self.files}
        for entry in entries:
            if entry not in captions and entry not in self.files:
                raise UserError(f"data.path: {entry}: neither an image nor the caption of one")
        for file in self.files:
            if file.with_suffix(".txt") not in entries:
                raise UserError(f"data.path: {file}: its caption {file.stem}.txt is missing")
        for entry in entries:
            check_file(entry)
        self.sizes, self.hash = [len(self.files)], files_hash(self.files)

    def pair(self, group: int, row: int) -> Pair:
        file = self.files[row]
        caption = read_bytes(file.with_suffix(".txt"), MOST_CAPTION)
        return Pair(str(file), read_bytes(file, MOST_IMAGE), caption_of(caption, "txt", str(file)))


class Shards:
    """webdataset shards: tar files in which an image and a caption (.txt, or .json with ``caption``) share a key.

    The headers of all shards are read once at the start, to know how many pairs there are; where the pairs of the two
    shards read last lie stays in memory.
    """

    def __init__(self, files: list[Path]):
        self.files = files
        self.sizes, self.hash = [len(shards.pairs_in(file)) for file in files], files_hash(files)
        self._places: dict[int, list[shards.Places]] = {}

    def pair(self, group: int, row: int) -> Pair:
        file, places = self.files[group], self._group(group)[row]
        name = f"{file}: {places.key}"
        image, caption = shards.read(file, places)
        return Pair(name, image, caption_of(caption, places.kind, name))

    def _group(self, group: int) -> list[shards.Places]:
        if group not in self._places:
            while len(self._places) > 1:
                self._places.pop(next(iter(self._places)))
            self._places[group] = shards.pairs_in(self.files[group])
            if len(self._places[group]) != self.sizes[group]:
                counts = f"{len(self._places[group])} pairs, at the start there were {self.sizes[group]}"
                raise UserError(f"data.path: {self.files[group]}: {counts}; it changed")
        return self._places[group]


def caption_of(content: bytes, kind: str, name: str) -> str:
    """The caption in a text or JSON file. Raises UserError naming the pair where there is none."""
    try:
        where = f"data.path: {name}: its caption"
        text = parse_json(content, where).get("caption") if kind == "json" else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"data.path: {name}: its caption cannot be read as {kind} ({error})") from error
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"data.path: {name}: its caption is empty or missing")
    return text.strip()


def files_hash(files: list[Path]) -> str:
    return hashlib.sha256(repr([(file.name, file.stat().st_size) for file in files]).encode()).hexdigest()


class TextImages:
    """The pairs that a ``data:`` block {name: text-images, path, resolution} names."""

    def __init__(self, data: Data):
        path, self.name, self.resolution = Path(data.path), data.name, data.resolution
        if not path.is_dir():
            raise UserError(f"data.path: {path}: no such folder of shards or of images with captions")
        shards = visible(path, "*.tar")
        self.pairs: Pairs = Shards(shards) if shards else Folder(path)
        self.hash = self.pairs.hash

    @cached_property
    def starts(self) -> list[int]:
        """Number of the first pair of every group, and of all pairs at the end."""
        return [0, *np.cumsum(self.pairs.sizes).tolist()]

    def __len__(self) -> int:
        return self.starts[-1]

    def pair(self, row: int) -> Pair:
        group = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.pairs.pair(group, row - self.starts[group])


class PairBatches(Batches):
    """Batches of pairs: the short side resized (bilinear) to the resolution, then a random square of it.

    Source: huggingface/diffusers:examples/consistency_distillation/train_lcm_distill_sd_wds.py, whose flags for centre
    crops and mirroring act on nothing.
    """

    def __init__(self, images: TextImages, batch_size: int, seed_names: tuple[str | int, ...]):
        super().__init__(images, batch_size, seed_names, flip=False)

    def batch(self, index: int) -> tuple[Tensor, list[str]]:
        """Images uint8 (B, 3, R, R) and their captions; from (seed_names, index) alone."""
        pairs = [self.images.pair(row) for row in self.rows(index).tolist()]
        places = uniform((len(pairs), 2), *self.seed_names, "crop", index).tolist()
        squares = [cropped(pair, self.images.resolution, place) for pair, place in zip(pairs, places)]
        return channels_first(np.stack(squares)), [pair.caption for pair in pairs]

    def _drawn(self, epoch: int) -> Tensor:
        starts = self.images.starts
        groups = torch.randperm(len(starts) - 1, generator=self._generator("epoch", epoch)).tolist()
        within = [
            starts[group]
            + torch.randperm(
                starts[group + 1] - starts[group], generator=self._generator("epoch", epoch, "group", group)
            )
            for group in groups
        ]
        return torch.cat(within)


def cropped(pair: Pair, resolution: int, place: list[float]) -> np.ndarray:
    """uint8 (resolution, resolution, 3); ``place`` in [0, 1) of the free way down and to the right."""
    image = as_rgb(read_image(io.BytesIO(pair.image), pair.name), pair.name)
    image = resized(image, resolution, Image.Resampling.BILINEAR)
    top, left = (int(u * (side - resolution + 1)) for u, side in zip(place, (image.height, image.width)))
    return pixels(image.crop((left, top, left + resolution, top + resolution)))
