"""Files that torch saved, looked at before torch reads them: what they ask for, and how large they become.

torch refuses to run what a file names, but believes its sizes: it decompresses without limit, calls what allocates
(`torch.Tensor`, `bytearray`), and makes views of a single number as large as a file likes.
"""

import pickletools
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from atbench.data.npz import READ_ERRORS, Sips, one_line
from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file

PICKLE = "/data.pkl"  # the member that says what there is; tensors' values lie beside it
MOST_PICKLE = 32 << 20  # bytes of it
# Steps of the unpickler: so many for each tensor beside it, and in all. A training state takes 35 a tensor and some
# forty for each line of its log.
STEPS, STEPS_OF_A_MEMBER, MOST_STEPS = 100_000, 1_000, 2_000_000
MOST_COPIES = 8  # tensors may share their values, as weights and their average do in a state that was imported
PLAIN = re.compile(
    r"collections\.OrderedDict|torch\._utils\._rebuild_(tensor_v2|parameter)|torch\.(Size|device)"
    r"|torch\.(Double|Float|Half|BFloat16|Long|Int|Short|Char|Byte|Bool)Storage"
    r"|torch\.(float|bfloat|int|uint)\d+|torch\.bool"
)
CONTAINERS = (dict, list, tuple)
HEAD = 1 << 20  # bytes of a file of another form that are searched for what it asks for


def check_file(path: Path, kind: str) -> None:
    """Raises UserError naming the file, and the ``kind`` of file that it should be, unless it is an archive of stored
    tensors and plain containers alone.
    """
    try:
        with open_file(path) as file:
            if file.read(2) != b"PK":
                file.seek(0)
                _check_globals(file.read(HEAD), HEAD)
                raise ValueError("in no form of torch since 1.6: load it where it is trusted, and save it anew")
            size = file.seek(0, 2)
            _check_globals(*_pickle(zipfile.ZipFile(Sips(file)), size))
    except (*READ_ERRORS, Foreign) as error:
        reason = str(error) if isinstance(error, Foreign) else one_line(error)
        raise UserError(f"{path}: not a readable {kind} ({reason})") from error


def check_tensors(path: Path, found: object) -> None:
    """Raises UserError where tensors in nested containers are larger than the file that they come from."""
    size, most = 0, MOST_COPIES * Path(path).stat().st_size
    for tensor in _tensors(found):
        size += tensor.numel() * tensor.element_size()
        if size > most or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise UserError(f"{path}: its tensors are larger than what it holds: one is {tuple(tensor.shape)}")


class Foreign(Exception):
    """A file asks for more than tensors and plain containers."""


def _pickle(archive: zipfile.ZipFile, size: int) -> tuple[bytes, int]:
    """The pickle of an archive of ``size`` bytes, and how many steps it may take."""
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("its members are compressed, which torch never does")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than itself")
    pickles = [member for member in members if member.filename.endswith(PICKLE)]
    if len(pickles) != 1 or pickles[0].file_size > MOST_PICKLE:
        raise ValueError(f"it has not one {PICKLE[1:]} of at most {MOST_PICKLE:,} bytes")
    with archive.open(pickles[0]) as stream:
        content = b"".join(iter(lambda: stream.read(HEAD), b""))
    return content, min(STEPS + STEPS_OF_A_MEMBER * len(members), MOST_STEPS)


def _check_globals(content: bytes, most: int) -> None:
    """Raises Foreign naming the first global in a pickle that is not PLAIN, ValueError for too many steps."""
    texts = ["", ""]
    for count, (step, argument, _) in enumerate(pickletools.genops(content)):
        if count > most:
            raise ValueError(f"its {PICKLE[1:]} takes more than {most:,} steps")
        if step.name in ("GLOBAL", "INST"):
            name = argument.replace(" ", ".", 1)
        elif step.name == "STACK_GLOBAL":
            name = ".".join(texts)
        else:
            texts = [texts[1], argument] if isinstance(argument, str) else texts
            continue
        if not PLAIN.fullmatch(name):
            name = re.sub(r"^(__builtin__|builtins)\.", "", name)
            raise Foreign(f"it asks for {name}, which is no plain tensor; nothing in it was run")


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in nested containers."""
    level, seen = [value], set()
    while level:
        yield from (item for item in level if isinstance(item, Tensor))
        new = {id(item): item for item in level if isinstance(item, CONTAINERS) and id(item) not in seen}
        seen |= new.keys()  # a file can put a list into itself
        level = [item for box in new.values() for item in (box.values() if isinstance(box, dict) else box)]
