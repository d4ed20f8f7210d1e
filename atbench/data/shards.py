"""Shards in webdataset's form: uncompressed tar files in which the files of a sample lie side by side and share a key.

They are opened by their path alone and read in place. webdataset's own opener takes a path that looks like a command or
an address for one, and hands out what an archive claims to hold, whatever its size.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from atbench.data.folder import SUFFIXES
from atbench.data.npz import Sips
from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file

IMAGES, CAPTIONS = tuple(suffix[1:] for suffix in SUFFIXES), ("txt", "json")  # endings, in order of preference
MOST_IMAGE, MOST_CAPTION = 64 << 20, 1 << 20  # bytes of a file
MOST_MEMBERS = 1 << 16  # of a shard, whose headers are all read; usual ones have thousands
# The key and the ending of a name, and what is skipped: as in webdataset:tariterators.py, and the Finder's folder.
NAME, SKIPPED = re.compile(r"((?:.*/|)[^.]+)[.]([^/]*)"), re.compile(r"__[^/]*__(/|$)|__MACOSX/")


class Place(NamedTuple):
    """Where a file lies in a shard, in bytes."""

    offset: int
    size: int


class Places(NamedTuple):
    """Where a pair lies in a shard."""

    key: str
    image: Place
    caption: Place
    kind: str  # of the caption, its ending


def read(shard: Path, places: Places) -> tuple[bytes, bytes]:
    """Image and caption of a pair. Raises UserError where one is cut off."""
    contents = []
    with open_file(shard) as file:
        for place in (places.image, places.caption):
            file.seek(place.offset)
            contents.append(file.read(place.size))
            if len(contents[-1]) < place.size:
                raise UserError(f"data.path: {shard}: {places.key}: cut off; the shard changed, or is damaged")
    return contents[0], contents[1]


def pairs_in(shard: Path) -> list[Places]:
    """The pairs of a shard, from its headers, in its order.

    Raises UserError for a damaged or empty one, for half a pair, and for what is no file or larger than images are.
    """
    groups: dict[str, dict[str, Place]] = {}
    before = None
    for name, place in _members(shard):
        match = NAME.fullmatch(name)
        if match is None or SKIPPED.match(name) or Path(name).name.startswith("."):
            continue  # without an ending, or hidden
        key, ending = match[1], match[2].lower()
        if key != before and key in groups:  # readers take neighbours for a pair
            raise UserError(f"data.path: {shard}: the files of {key} do not lie side by side: sort the archive by name")
        before, endings = key, groups.setdefault(key, {})
        if ending in endings:
            raise UserError(f"data.path: {shard}: {name} is there twice")
        endings[ending] = place
    if not groups:
        raise UserError(f"data.path: {shard}: is empty")
    return [_places(shard, key, endings) for key, endings in groups.items()]


def _places(shard: Path, key: str, endings: dict[str, Place]) -> Places:
    images, kinds = ([ending for ending in wanted if ending in endings] for wanted in (IMAGES, CAPTIONS))
    if not kinds:
        raise UserError(f"data.path: {shard}: {key} lacks a caption ({' or '.join(CAPTIONS)})")
    if len(images) != 1:
        raise UserError(f"data.path: {shard}: {key} must have one image ({' or '.join(IMAGES)})")
    image, caption = endings[images[0]], endings[kinds[0]]
    for place, most in ((image, MOST_IMAGE), (caption, MOST_CAPTION)):
        if place.size > most:
            raise UserError(f"data.path: {shard}: {key}: {place.size:,} bytes, allowed: {most:,}")
    return Places(key, image, caption, kinds[0])


def _members(shard: Path) -> Iterator[tuple[str, Place]]:
    """Name and place of every file. Nothing is ever unpacked to the disk.

    Raises UserError for a damaged archive, a compressed one, more than MOST_MEMBERS, and a member that is a link, a
    device or a file with holes, or whose name leads out of the archive.
    """
    try:
        with open_file(shard) as file, tarfile.open(fileobj=Sips(file), mode="r:") as archive:
            for count, member in enumerate(archive, 1):
                archive.members = []  # those read so far, which it would keep
                if count > MOST_MEMBERS:
                    raise UserError(f"data.path: {shard}: more than {MOST_MEMBERS:,} members: use more shards")
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise UserError(f"data.path: {shard}: {member.name}: a link, a device or a file with holes")
                if member.name.startswith("/") or ".." in Path(member.name).parts:
                    raise UserError(f"data.path: {shard}: {member.name} leads out of the archive")
                yield member.name, Place(member.offset_data, member.size)
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        raise UserError(f"data.path: {shard}: not a readable shard, an uncompressed tar file ({error})") from error
