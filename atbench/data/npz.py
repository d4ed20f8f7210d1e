"""Arrays of npz files that strangers made: nothing is unpickled, and nothing is read before it has been measured.

A few megabytes can say that they hold terabytes, or really hold them, compressed. So the directory of an archive and
the header of an array are read by themselves, within bounds; who knows what is wanted looks at them, and only then are
values decompressed, straight to their place and never more than were announced.
"""

import io
import math
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from atbench.runtime.files import open_file

MOST_AT_ONCE = 1 << 20  # bytes; zipfile reads the directory of an archive in one piece: some twenty thousand members
MOST_HEADER = 10_000  # bytes of an array's header, NumPy's own limit, which it looks at after reading
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # NumPy writes these; zipfile expands the others without limit
MAGIC = b"\x93NUMPY"
HEADERS = {  # version -> bytes of the header's length, and who reads the header
    (1, 0): (2, np.lib.format.read_array_header_1_0),
    (2, 0): (4, np.lib.format.read_array_header_2_0),
}
# What zipfile and NumPy raise for a damaged archive or member; a header is Python text, so its parser's words too.
READ_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    OverflowError,
    RuntimeError,
    MemoryError,
    SyntaxError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Header:
    """What an archive says about an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    begin: int  # bytes of the header itself
    packed: int  # bytes that both take in the file

    @property
    def nbytes(self) -> int:
        """Bytes that it takes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


class NotAnArray(ValueError):
    """A member of an archive that is no NumPy array."""


class Archive:
    """An npz file. What is wrong with it is raised as one of READ_ERRORS, a missing or special file as UserError."""

    def __init__(self, path: Path | str):
        self._file = open_file(path)
        try:
            self._zip = zipfile.ZipFile(Sips(self._file))
            self.names = [name.removesuffix(".npy") for name in self._zip.namelist()]
            if len(set(self.names)) < len(self.names):
                raise ValueError("two members of one name")
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()
        self._file.close()

    def header(self, name: str) -> Header:
        """What the file says about an array."""
        with self._opened(name) as (header, _):
            return header

    def read(self, name: str) -> np.ndarray:
        """An array, as large as its header says: look at that before."""
        with self._opened(name) as (header, stream):
            flat = np.empty(math.prod(header.shape), header.dtype)
            if flat.size:
                _fill(stream, memoryview(flat.view(np.uint8)))
            return flat.reshape(header.shape, order="F" if header.fortran else "C")

    def fill(self, name: str, target: memoryview) -> None:
        """Decompress an array's bytes straight to their place: no second copy."""
        with self._opened(name) as (_, stream):
            _fill(stream, target)

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[Header, BinaryIO]]:
        """The header of an array and the stream of its values."""
        member = self._zip.getinfo(f"{name}.npy")
        if member.compress_type not in METHODS:
            raise ValueError(f"{name}: compressed by another method than NumPy's")
        with self._zip.open(member) as stream:
            header = _header(stream, member.compress_size)
            if member.file_size != header.begin + header.nbytes:
                found = f"{member.file_size - header.begin:,} bytes follow"
                raise ValueError(f"{name}: its header says {header.dtype} {header.shape}, but {found}")
            yield header, stream


class Sips:
    """A file that is read in small pieces only: who asks for a large one has believed what the file says of itself."""

    def __init__(self, file: BinaryIO, most: int = MOST_AT_ONCE):
        self._file, self._most = file, most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int | None = None) -> bytes:
        """At most ``count`` bytes, all that are left without it. Raises ValueError where these are too many."""
        wanted = self._most + 1 if count is None or count < 0 else count
        if wanted > self._most + 1 or len(content := self._file.read(wanted)) > self._most:
            raise ValueError(f"its directory or a header takes more than {self._most:,} bytes")
        return content


def _header(stream: BinaryIO, packed: int) -> Header:
    """The header of an npy stream, which then stands at the first value."""
    start = stream.read(8)
    if not start.startswith(MAGIC):
        raise NotAnArray("not a NumPy array")
    version = np.lib.format.read_magic(io.BytesIO(start))
    if version not in HEADERS:
        raise ValueError(f"npy version {version}")
    width, read = HEADERS[version]
    start += stream.read(width)
    length = int.from_bytes(start[8:], "little")
    if length > MOST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    start += stream.read(length)
    shape, fortran, dtype = read(io.BytesIO(start[8:]))
    if dtype.hasobject:
        raise ValueError("holds Python objects, which are never read")
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    return Header(shape, dtype, fortran, len(start), packed)


def _fill(stream: BinaryIO, target: memoryview) -> None:
    done = 0
    while done < len(target):
        read = stream.readinto(target[done : done + MOST_AT_ONCE])
        if not read:
            raise EOFError(f"{len(target) - done} bytes are missing")
        done += read
    if stream.read(1):  # reading to the end is also what makes zipfile compare the checksum
        raise ValueError("more bytes than its header says")


def one_line(error: Exception) -> str:
    """The words of one of READ_ERRORS for a message."""
    return " ".join(str(error).split())[:120] or type(error).__name__
