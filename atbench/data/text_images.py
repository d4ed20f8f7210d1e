"""Image-text pairs too many for memory: webdataset shards, or a folder of images with captions beside them.

Batches are a function of their index, as those of `atbench.data.batches` are: a resumed run meets the same pairs in the
same crops. An epoch's order permutes the shards and the pairs within each, so that a batch opens one shard or two.
"""

import hashlib
import io
import json
import tarfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from atbench.data.batches import Batches
from atbench.data.folder import SUFFIXES, as_rgb, channels_first, pixels, read_image, resized
from atbench.rng import uniform
from atbench.runtime.errors import UserError
from atbench.runtime.files import visible
from atbench.spec.models.scale import Data

NAME = "text-images"  # in a `data:` block
REQUIRED = ("path", "resolution")
OPTIONAL = ()
IMAGES, CAPTIONS = (
    tuple(suffix[1:] for suffix in SUFFIXES),
    ("txt", "json"),
)  # endings in a shard, in order of preference


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
        entries = sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
        self.files = [entry for entry in entries if entry.suffix.lower() in SUFFIXES]
        if not self.files:
            raise UserError(f"data.path: {path}: holds neither shards (.tar) nor images ({', '.join(SUFFIXES)})")
        captions = {file.with_suffix(".txt") for file in self.files}
        for entry in entries:
            if entry not in captions and entry not in self.files:
                raise UserError(f"data.path: {entry}: neither an image nor the caption of one")
        for file in self.files:
            if not file.with_suffix(".txt").is_file():
                raise UserError(f"data.path: {file}: its caption {file.stem}.txt is missing")
        self.sizes, self.hash = [len(self.files)], files_hash(self.files)

    def pair(self, group: int, row: int) -> Pair:
        file = self.files[row]
        return Pair(str(file), file.read_bytes(), caption_of(file.with_suffix(".txt").read_bytes(), "txt", str(file)))


class Shards:
    """webdataset shards: tar files in which an image and a caption (.txt, or .json with ``caption``) share a key.

    The headers of all shards are read once at the start, to know how many pairs there are; the pairs of the two shards
    read last stay in memory.
    """

    def __init__(self, files: list[Path]):
        self.files = files
        self.sizes, self.hash = [pairs_in(file) for file in files], files_hash(files)
        self._read: dict[int, list[dict]] = {}

    def pair(self, group: int, row: int) -> Pair:
        sample = self._samples(group)[row]
        name = f"{self.files[group]}: {sample['__key__']}"
        image, caption = (next(e for e in endings if e in sample) for endings in (IMAGES, CAPTIONS))
        return Pair(name, sample[image], caption_of(sample[caption], caption, name))

    def _samples(self, group: int) -> list[dict]:
        if group not in self._read:
            from webdataset import WebDataset  # a second to import

            while len(self._read) > 1:
                self._read.pop(next(iter(self._read)))
            self._read[group] = list(WebDataset(str(self.files[group]), shardshuffle=False))
            if len(self._read[group]) != self.sizes[group]:
                counts = f"{len(self._read[group])} pairs were read, its headers name {self.sizes[group]}"
                raise UserError(f"data.path: {self.files[group]}: {counts}; it changed, or is damaged")
        return self._read[group]


def pairs_in(shard: Path) -> int:
    """Pairs of a shard, from its headers. Raises UserError for a damaged or empty one and for half a pair."""
    from webdataset.tariterators import base_plus_ext

    try:
        with tarfile.open(shard) as archive:
            names = [base_plus_ext(member.name) for member in archive if member.isfile()]
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UserError(f"data.path: {shard}: not a readable shard ({error})") from error
    groups: dict[str, Counter] = {}
    before = None
    for key, ending in names:
        if key is None or Path(key).name.startswith("."):
            continue  # without an ending, or hidden: webdataset does not read it either, or reads no pair
        if key != before and key in groups:  # what is read takes neighbours for a pair
            raise UserError(f"data.path: {shard}: the files of {key} do not lie side by side: sort the archive by name")
        before = key
        groups.setdefault(key, Counter())[ending.lower()] += 1
    if not groups:
        raise UserError(f"data.path: {shard}: is empty")
    for key, endings in groups.items():
        if not any(endings[e] for e in CAPTIONS):
            raise UserError(f"data.path: {shard}: {key} lacks a caption ({' or '.join(CAPTIONS)})")
        if sum(endings[e] for e in IMAGES) != 1:
            raise UserError(f"data.path: {shard}: {key} must have one image ({' or '.join(IMAGES)})")
    return len(groups)


def caption_of(content: bytes, kind: str, name: str) -> str:
    """The caption in a text or JSON file. Raises UserError naming the pair where there is none."""
    try:
        text = json.loads(content).get("caption") if kind == "json" else content.decode("utf-8-sig")
    except (ValueError, AttributeError) as error:
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
