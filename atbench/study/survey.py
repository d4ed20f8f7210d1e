"""What a folder of images holds, looked at whole: every fault at once, before anything is trained."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from atbench.data.folder import MODE_OF_CHANNELS, check_mode, find_images, pixels, read_image
from atbench.runtime.errors import UserError
from atbench.runtime.images import open_image

ORIENTATION = 0x0112  # the EXIF tag; 1: upright
SHOWN = 5  # faults that are named


@dataclass(frozen=True)
class Image:
    """One image file: its short side in pixels once upright, its Pillow mode, the hash of its pixels."""

    short_side: int
    mode: str
    turned: bool  # stored otherwise than upright, and read upright
    pixels: str


@dataclass(frozen=True)
class Survey:
    """The images of a folder, and by folder name those of each sub-folder."""

    root: Path
    images: dict[Path, Image]
    folders: dict[str, int]

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return {mode: count for count, mode in MODE_OF_CHANNELS.items()}[next(iter(self.images.values())).mode]

    @property
    def short_sides(self) -> tuple[int, int, int]:
        """The least, the median and the most, in pixels."""
        sides = sorted(image.short_side for image in self.images.values())
        return sides[0], int(median(sides)), sides[-1]

    @property
    def copies(self) -> list[tuple[Path, Path]]:
        """Files whose pixels another file has too, each beside the first that has them."""
        first: dict[str, Path] = {}
        pairs = [(path, first.setdefault(image.pixels, path)) for path, image in self.images.items()]
        return [(path, other) for path, other in pairs if path != other]

    def text(self) -> str:
        """What there is, in lines."""
        least, middle, most = self.short_sides
        kind = {1: "grey", 3: "colour"}[self.channels]
        sides = f"{least}" if least == most else f"{least} to {most}, median {middle},"
        lines = [f"{self.root}: {len(self.images):,} {kind} images, short side {sides} pixels"]
        if self.folders:
            counts = ", ".join(f"{name} {count:,}" for name, count in self.folders.items())
            lines.append(f"{len(self.folders)} sub-folders: {counts}")
        if turned := sum(image.turned for image in self.images.values()):
            lines.append(f"{turned:,} are stored turned (EXIF) and are read upright")
        if self.copies:
            path, other = self.copies[0]
            lines.append(f"{len(self.copies):,} are copies of another, as {path.name} of {other.name}")
        return "\n".join(lines)


def look(root: Path) -> Survey:
    """Read every image of a folder, or of its sub-folders.

    Raises UserError for a folder that cannot be used, and for images that cannot, in one line that names the first.
    """
    paths, folders = find_images(root)
    images, faults = {}, []
    for path in paths:
        try:
            images[path] = _image(path)
        except UserError as error:
            faults.append(str(error))
    usual = Counter(image.mode for image in images.values()).most_common(1)
    faults += [
        f"{path}: image mode {image.mode}, others have {usual[0][0]}: use one mode"
        for path, image in images.items()
        if image.mode != usual[0][0]
    ]
    if faults:
        left_out = [f"and {len(faults) - SHOWN:,} more"] if len(faults) > SHOWN else []
        listed = "; ".join([*faults[:SHOWN], *left_out])
        raise UserError(f"{root}: {len(faults):,} of {len(paths):,} images cannot be used: {listed}")
    return Survey(root, images, {name: sum(path.parent.name == name for path in paths) for name in folders})


def _image(path: Path) -> Image:
    with open_image(path) as stored:
        turned = stored.getexif().get(ORIENTATION, 1) != 1
    image = read_image(path)
    check_mode(path, image.mode)
    content = hashlib.sha256(f"{image.mode} {image.size}".encode() + pixels(image).tobytes()).hexdigest()
    return Image(min(image.size), image.mode, turned, content)
