"""Files: bounded reading, hashes, and writing that a kill or a power cut leaves whole."""

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path

from atbench.runtime.errors import UserError

KINDS = (  # of what is no file, in words
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISCHR, "a device"),
)


def visible(folder: str | Path, pattern: str) -> list[Path]:
    """The files of a folder that match, by name, without those that a system hides there (`._x.csv`, `.DS_Store`)."""
    return sorted(path for path in Path(folder).glob(pattern) if not path.name.startswith("."))


def digest(value: object) -> str:
    """Short SHA-256 of the key-sorted JSON of ``value``: equal content, equal digest, whatever the key order."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open_file(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_hash(path: str | Path) -> str:
    """`file_hash`, read once as long as size and time of the file stay."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    return _known_hash(os.path.realpath(path), found.st_mtime_ns, found.st_size)


@cache
def _known_hash(path: str, modified: int, size: int) -> str:
    return file_hash(path)


def open_file(path: str | Path) -> BufferedReader:
    """A regular file, or a link to one, opened for reading bytes. Raises UserError as `check_file` does."""
    check_file(path)
    try:
        return open(path, "rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def check_file(path: str | Path) -> None:
    """Raises UserError naming what is missing, or is a folder, pipe, socket or device: opening a pipe would wait."""
    try:
        found = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error
    if not stat.S_ISREG(found):
        raise UserError(f"{path}: {next(words for is_one, words in KINDS if is_one(found))}, not a file")


def read_bytes(path: str | Path, most: int) -> bytes:
    """The content of a regular file of at most so many bytes. Raises UserError as `open_file` does, and for more."""
    try:
        with open_file(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > most:
        raise UserError(f"{path}: more than {most:,} bytes, which no file of this kind has")
    return content


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """The one place where what the system refuses while ``path`` is written (a full disk) becomes a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        refusal = _of_system(error)
        if refusal is None:
            raise
        raise UserError(f"{path}: cannot be written ({refusal.strerror or refusal}); what was there stays") from error


def _of_system(error: BaseException | None) -> OSError | None:
    """The OSError behind an error: torch raises another over it."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def write_atomically(path: str | Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file beside ``path``, then rename: readers see the old file or the new one.

    Both are on the disk before this returns. Raises UserError for a full disk and a folder that may not be written to.
    """
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
        os.close(handle)
        try:
            os.chmod(name, 0o644)  # mkstemp makes the file private; results are for everyone
            write(Path(name))
            _sync(name)
            rename(Path(name), path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def rename(path: Path, target: Path) -> None:
    """Give a file or folder another name, in the place of a file that has it; a power cut leaves one or the other."""
    with writing(target):
        os.replace(path, target)
        _sync_folder(target.parent)


def copy(source: Path, target: Path) -> None:
    """Copy a file; the copy appears whole or not at all."""
    write_atomically(target, lambda temporary: shutil.copyfile(source, temporary))


def link(source: Path, target: Path) -> None:
    """Give a file a second name, with the present time; a copy where the file system has no links."""
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.link")
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            copy(source, temporary)
        os.utime(temporary)
        rename(temporary, target)
        temporary.unlink(missing_ok=True)  # renaming does nothing where both are names of one file already


def forget_temporary(folder: Path) -> None:
    """Remove what killed writers have left in a folder that nobody writes to now."""
    for path in folder.glob(".*"):
        if path.is_file() and not path.is_symlink() and path.name.count(".") > 2:
            path.unlink(missing_ok=True)


def _sync(path: str | Path) -> None:
    """Have the system put a file's content on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    """The same of the names in a folder, where the file system can."""
    try:
        _sync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise
