"""What is known of images before a file is opened: the keys that a format takes, sizes, counts and classes.

The readers stand in `atbench.data`, a module for each format. Here is what the experiment files are checked against, so
that a network that does not fit its images is refused before a job starts.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.spec.models.scale import Data

Shape = tuple[int, int, int]  # C, H, W
CIFAR10, COCO, DIGITS, FASHION, TEXT_IMAGES = "cifar10", "coco", "digits", "fashion-mnist", "text-images"
CHECKED = (CIFAR10, FASHION)  # formats whose own name stands for files of known checksums


@dataclass(frozen=True)
class Format:
    """One format of images."""

    required: tuple[str, ...] = ()  # keys of a `data:` block beside name and format
    optional: tuple[str, ...] = ()
    channels: int | None = None  # None: as the key `channels` says
    side: int | None = None  # pixels; None: as the key `resolution` says
    sides: tuple[int, ...] = ()  # that `resolution` may be; empty: any
    classes: int | None = 0  # label values; None: as many as there are class folders, unless some are held out
    train: int | None = None  # images, under the format's own name
    held_out: int | None = None
    public: str = ""  # what its own name stands for, where anybody can fetch it
    installed: str = ""  # folder into which a package of an operating system puts just that


FORMATS = {
    CIFAR10: Format(
        (),
        ("path", "checksum", "download"),
        3,
        32,
        (),
        10,
        50_000,
        10_000,
        "CIFAR-10, cifar-10-python.tar.gz or unpacked",
    ),
    COCO: Format(
        ("path", "annotations", "prompts", "prompt_seed", "resolution"), (), 3, public="MS-COCO 2014 and its captions"
    ),
    DIGITS: Format((), (), 1, 8, (), 10, 1348, 449),
    FASHION: Format(
        ("resolution",),
        ("path", "checksum", "download"),
        1,
        None,
        (16, 28, 32),
        10,
        60_000,
        10_000,
        "Fashion-MNIST, its four idx files; Debian and Ubuntu: apt-get install dataset-fashion-mnist",
        "/usr/share/datasets/fashion-mnist",
    ),
    "image-folder": Format(("path", "resolution", "channels"), ("held_out", "held_out_folders"), classes=None),
    "imagenet64": Format(
        (), ("path", "classes"), 3, 64, (), 1000, 1_281_167, 50_000, "ImageNet 64x64, its npz batches"
    ),
    TEXT_IMAGES: Format(("path", "resolution"), (), 3, public="image-text pairs, webdataset shards of LAION say"),
}


def format_of(data: Data) -> Format:
    """The format of a ``data:`` block. Raises UserError, naming the key first, where one does not fit it."""
    name = data.format or data.name
    if data.format and data.name in FORMATS:
        # Results carry the name: that of a format means this format's own images, so no other may wear it.
        raise UserError(f"name: {data.name} stands for that very data set: with `format`, give the images another name")
    if name not in FORMATS:
        raise UserError(f"name: {name!r} is unknown: choose one of {', '.join(FORMATS)}")
    found = FORMATS[name]
    known = {"name", "format", *found.required, *found.optional}
    for option in data.written():
        if option not in known:
            raise UserError(f"{option}: {name} has no such key; allowed: {', '.join(sorted(known))}")
    for option in found.required:
        if getattr(data, option) is None:
            raise UserError(f"{option}: missing, {name} needs {', '.join(found.required)}")
    if found.sides and data.resolution not in found.sides:
        raise UserError(f"resolution: {data.resolution}, allowed: {', '.join(map(str, found.sides))}")
    if data.format in CHECKED and not data.checksum:
        raise UserError("checksum: missing: images other than the official ones need `checksum: skip`")
    if data.checksum and data.download:
        raise UserError(f"download: fetches the official files, which are called {data.format}")
    if data.held_out_folders:
        if data.held_out is not None:
            raise UserError("held_out: with held_out_folders, these alone say which images are held out")
        return replace(found, classes=0)  # a class of images that nothing learns would be none
    return found


def shape_of(data: Data) -> Shape:
    """Shape of one image."""
    found = format_of(data)
    side = found.side or data.resolution
    channels = found.channels or data.channels
    assert side is not None and channels is not None  # required keys where the format does not say
    return channels, side, side


def counts_of(data: Data) -> tuple[int, int] | None:
    """Images for training and held out; None where the files decide."""
    found = format_of(data)
    if data.format or found.train is None or found.held_out is None:
        return None
    return found.train, found.held_out


def variable_of(data: Data) -> str:
    """The environment variable that says where the files lie, where no ``path`` does."""
    return "ATBENCH_DATA_" + data.name.upper().replace("-", "_")


def installed_of(data: Data) -> Path | None:
    """The folder into which a package of this system has put a public data set, without anybody's saying so."""
    folder = FORMATS[data.name].installed if data.name in FORMATS else ""
    return Path(folder) if folder and Path(folder).is_dir() else None


def files_of(data: Data) -> dict[str, Path]:
    """Key -> file or folder, of the paths that the block writes."""
    written = {"path": data.path, "annotations": data.annotations, "classes": data.classes}
    return {key: Path(value).expanduser() for key, value in written.items() if value}
