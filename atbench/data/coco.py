"""MS-COCO 2014 validation images with a frozen list of prompts: what text-to-image models are judged by.

The field has no single convention. Ours: `prompts` images drawn without replacement and one caption of each, by
`prompt_seed`; real images resized on the short side with an antialiasing filter and cropped at the centre, as
mosaicml/diffusion does. The list's hash stands in every record.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from atbench.data.folder import as_rgb, channels_first, fit, read_image
from atbench.rng import generator, uniform
from atbench.runtime.errors import UserError
from atbench.runtime.files import read_bytes
from atbench.runtime.json_files import parse_json
from atbench.spec.models.scale import Data

# Of the annotations, whose values take more memory than their text; captions_val2014.json has half of each.
MOST_BYTES, MOST_VALUES = 48 << 20, 2_500_000


@dataclass(frozen=True)
class Prompts:
    """A frozen list of captions, and the files of the images that they describe and of all others."""

    texts: tuple[str, ...]
    files: tuple[str, ...]  # one per text
    others: tuple[str, ...]

    @property
    def hash(self) -> str:
        """SHA-256 over texts and files, in order."""
        return hashlib.sha256(repr((self.texts, self.files)).encode()).hexdigest()


def read(data: Data, held_out: bool) -> tuple[Tensor, None, tuple[str, ...]]:
    """Images uint8 (N, 3, resolution, resolution): those of the prompts, or with ``held_out`` all others.

    Raises UserError naming a file that is missing or damaged, and as `frozen` does.
    """
    prompts = frozen(data)
    files = [Path(data.path, name) for name in (prompts.others if held_out else prompts.files)]
    if not files:
        raise UserError(f"data.prompts: {data.prompts} leaves no image of {data.annotations} to hold out")
    side = data.resolution
    images = torch.empty((len(files), 3, side, side), dtype=torch.uint8)  # filled in place: 24 GB at paper scale
    for row, file in enumerate(files):
        images[row] = channels_first(fit(as_rgb(read_image(file), file), side)[None])[0]
    return images, None, ()


def frozen(data: Data) -> Prompts:
    """The list of a ``data:`` block. Raises UserError naming the annotation file and the key that is wrong."""
    return _frozen(Path(data.annotations), data.prompts, data.prompt_seed)


@cache
def _frozen(file: Path, count: int, seed: int) -> Prompts:
    names, captions = annotations(file)
    if not 1 <= count <= len(names):
        raise UserError(f"data.prompts: {count}, allowed: 1..{len(names)}, the captioned images of {file}")
    images = sorted(names)  # by number: the order of the file decides nothing
    order = torch.randperm(len(images), generator=generator("coco", seed, "images")).tolist()
    which = uniform((len(images),), "coco", seed, "captions").tolist()
    chosen = [images[row] for row in order[:count]]
    texts = [captions[image][int(u * len(captions[image]))] for image, u in zip(chosen, which)]
    others = [names[images[row]] for row in sorted(order[count:])]
    return Prompts(tuple(texts), tuple(names[image] for image in chosen), tuple(others))


def annotations(file: Path) -> tuple[dict[int, str], dict[int, list[str]]]:
    """File name and captions of every image, keyed by its number; captions in the order of their own numbers."""
    text = read_bytes(file, MOST_BYTES)
    if sum(text.count(mark) for mark in b"[{,") > MOST_VALUES:
        raise UserError(f"{file}: more than {MOST_VALUES:,} values, which no COCO caption file has")
    content = parse_json(text, file)
    del text
    try:
        names = _once(file, [(_number(image["id"]), _name(image["file_name"])) for image in content["images"]])
        lines = sorted((_number(a["image_id"]), _number(a["id"]), _text(a["caption"])) for a in content["annotations"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: not a COCO caption file: {error!r} among its images or annotations") from error
    captions: dict[int, list[str]] = {image: [] for image in names}
    for image, number, caption in lines:
        if image not in names:
            raise UserError(f"{file}: annotations: caption {number} is of image {image}, which images does not list")
        captions[image].append(" ".join(caption.split()))
    bare = [image for image, texts in captions.items() if not any(texts)]
    if bare or not names:
        raise UserError(f"{file}: annotations: no caption of image {bare[0] if bare else '(there are no images)'}")
    return names, {image: [text for text in texts if text] for image, texts in captions.items()}


def _number(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is no whole number")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value.removeprefix("\ufeff")  # a byte order mark is no part of a caption


def _name(value: object) -> str:
    """A file below the folder of images: what a stranger wrote must not lead to other files of this machine."""
    name = _text(value)
    if not name.isprintable() or Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"{name!r} is no name of a file in the folder of images")
    return name


def _once(file: Path, images: list[tuple[int, str]]) -> dict[int, str]:
    """Number -> file name. Raises UserError for two images of one number: one of them would be lost."""
    names: dict[int, str] = {}
    for number, name in images:
        if names.setdefault(number, name) != name:
            raise UserError(f"{file}: images: {name} and {names[number]} have the same id {number}")
    return names
