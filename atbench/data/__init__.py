"""Real images: what a scale's `data:` block names, as uint8 tensors split once and for all."""

import hashlib
from dataclasses import dataclass
from types import ModuleType

import torch
from torch import Tensor

from atbench.data import cifar10, coco, digits, fashion_mnist, folder, imagenet64
from atbench.runtime.errors import UserError
from atbench.spec.datasets import Format, format_of
from atbench.spec.models.scale import Data

# A reader is a module with `read(data, held_out) -> (images, labels, class_names)`; its keys: `atbench.spec.datasets`.
READERS = {
    "cifar10": cifar10,
    "coco": coco,
    "digits": digits,
    "fashion-mnist": fashion_mnist,
    "image-folder": folder,
    "imagenet64": imagenet64,
}
SPLITS = ("train", "held-out")


@dataclass(frozen=True, eq=False)  # eq=False: comparing tensors has no single truth value; compare `hash` instead
class ImageSet:
    """One split of one data set.

    images: uint8 (N, C, H, W), or float latents of them; labels: int64 (N,) with values below `num_classes`, or None
    for an unlabelled set; class_names: one per label value, empty for an unlabelled set.
    """

    name: str
    images: Tensor
    labels: Tensor | None
    class_names: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        """Number of label values; 0 for an unlabelled set."""
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of one image."""
        return tuple(self.images.shape[1:])

    def floats(self, rows: Tensor) -> Tensor:
        """The chosen images as the network takes them; latents are floats already."""
        chosen = self.images[rows]
        return chosen if chosen.is_floating_point() else to_float(chosen)

    @property
    def hash(self) -> str:
        """SHA-256 (hex) over the shape and bytes of the images, then the bytes of the labels, if any."""
        # The shape goes in too: the same bytes read as another resolution are another data set.
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.contiguous().numpy())
        if self.labels is not None:
            digest.update(self.labels.contiguous().numpy())
        return digest.hexdigest()


def load(data: Data, split: str) -> ImageSet:
    """Load one split of the data set that a scale describes.

    data: `{name: digits}`, `{name: cifar10, path}` and so on for the names in READERS, or a name of your own and the
    `format` of your files, as in `{name: my-cats, format: image-folder, path, resolution, channels}`;
    split: "train" | "held-out".
    Raises UserError for an unknown name, key or split, and for anything wrong with the files.
    """
    if split not in SPLITS:
        raise UserError(f"data split {split!r} is unknown: choose one of {', '.join(SPLITS)}")
    images, labels, class_names = _reader(data).read(data, held_out=split == "held-out")
    return ImageSet(data.name, images, labels, class_names)


def load_to_use(data: Data, split: str) -> ImageSet:
    """`load`, to learn from or to judge by.

    Raises UserError as `load` does, and for images that are all equal: a network would learn them by heart, and every
    distance to them is one of a point.
    """
    found = load(data, split)
    # Up to the first image that differs: the second, of all sets but a broken one.
    if len(found) > 1 and all(torch.equal(found.images[0], image) for image in found.images[1:]):
        raise UserError(f"data {data.name}: all {len(found)} {split} images are equal: nothing to learn or to judge by")
    return found


def _reader(data: Data) -> ModuleType:
    """The module that reads `data`, once its keys are known to be those of its format."""
    checked(data)
    name = data.format or data.name
    if name not in READERS:
        raise UserError(f"data.name: {name!r} cannot be held in memory; it goes with a pretrained network")
    return READERS[name]


def checked(data: Data) -> Format:
    """The format of a ``data:`` block. Raises UserError where a key of the block does not fit it."""
    try:
        return format_of(data)
    except UserError as error:
        raise UserError(f"data.{error}") from error


def to_float(images: Tensor) -> Tensor:
    """uint8 (any shape) -> float32 in [-1, 1]: u / 127.5 - 1 (openai/guided-diffusion:image_datasets.py)."""
    return images.to(torch.float32) / 127.5 - 1


def to_uint8(x: Tensor) -> Tensor:
    """Float in [-1, 1] to uint8 by clamp((x + 1) * 127.5, 0, 255), cut (guided-diffusion:image_sample.py).

    Truncation is the published protocol, and not the inverse of `to_float`: float32 round-off loses one
    grey level for some values. Compare samples with the uint8 originals, never with a round trip.
    """
    return ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8)
