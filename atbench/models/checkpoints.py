"""Checkpoints of guided-diffusion and its descendants: a ``.pt`` file with the state dictionary of one U-Net.

ADM, ADM-IP and ADM-AT write one for the raw weights and one for each moving average
(openai/guided-diffusion:guided_diffusion/train_util.py). Our U-Net bears the same names, so nothing is renamed.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from atbench.models.torch_files import check_file, check_tensors
from atbench.models.weights import build, differences
from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file, write_atomically

UNSUPPORTED = re.compile(r"(?i)unsupported (?:global|class)[: ]+(?:GLOBAL )?([\w.]+)")
SHOWN = 120  # characters of torch's own words, which are shown whole or not at all
LFS_POINTER = b"version https://git-lfs"
WRAPPERS = ("module.", "_orig_mod.")  # of DistributedDataParallel and of torch.compile, one around the other
LABELS = "label_emb.weight"  # (classes, width), of class-conditional networks only


def read_torch(path: Path, kind: str) -> dict:
    """The dictionary of a file that torch saved, read without executing anything in it.

    Raises UserError naming the file, and the ``kind`` of file it should be, for one that is missing or damaged or would
    need more than tensors and plain containers.
    """
    refuse_what_is_none(path, kind)
    check_file(path, kind)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # torch reports a damaged archive by half a dozen types
        raise UserError(f"{path}: not a readable {kind} ({_reason(error)})") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: not a readable {kind} (holds a {type(found).__name__})")
    check_tensors(path, found)
    return found


def write_torch(path: Path, value: dict) -> None:
    """Write what `read_torch` reads; the file appears whole or not at all, and equal values give equal bytes."""

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:  # open: torch would write the name of a path into the archive
            torch.save(value, file)

    write_atomically(path, write)


def _reason(error: Exception) -> str:
    """The telling part of torch's words."""
    text = " ".join(str(error).split())
    if wanted := UNSUPPORTED.search(text):
        return f"it asks for {wanted[1]}, which is no tensor; nothing in it was run"
    if "zip archive" in text:
        return "cut off or damaged"
    return text if len(text) <= SHOWN and isinstance(error, RuntimeError) else "nothing that torch wrote"


def refuse_what_is_none(path: Path, kind: str) -> None:
    """Raises UserError for what stands in the place of weights: an empty file, a Git LFS pointer never fetched."""
    with open_file(path) as file:
        head = file.read(len(LFS_POINTER))
    if not head:
        raise UserError(f"{path}: not a readable {kind} (the file is empty)")
    if head == LFS_POINTER:
        raise UserError(f"{path}: not a readable {kind} (a Git LFS pointer: fetch the file itself, `git lfs pull`)")


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Name -> float32 tensor of a checkpoint, without what wrappers put in front of every name (WRAPPERS).

    Raises UserError naming the file and the first entry that is amiss.
    """
    tensors = _unwrapped(read_torch(path, "checkpoint"))
    for name, value in tensors.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.dtype != torch.float32:
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise UserError(f"{path}: not the weights of a network: {name!r} is {kind}, expected torch.float32")
    check_values(path, tensors)
    return tensors


def check_values(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raises UserError naming the file and the first tensor that is not finite throughout."""
    for name, value in tensors.items():
        if not value.isfinite().all():
            raise UserError(f"{path}: {name} holds NaN or infinite values")


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same under the names of the network itself."""
    for prefix in WRAPPERS * 2:
        if tensors and all(isinstance(name, str) and name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    return tensors


def write_checkpoint(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write what `read_checkpoint` and guided-diffusion read; the file appears whole or not at all."""
    if path.suffix != ".pt":
        raise UserError(f"{path}: checkpoints are written as .pt")
    write_torch(path, dict(tensors))


def fitting_network(
    path: Path, tensors: dict[str, Tensor], network: Mapping[str, Any], conditional: bool
) -> dict[str, Any]:
    """Constructor arguments of the U-Net that ``tensors`` belong to: ``network``, and as many classes as the file has.

    Raises UserError listing the first names and shapes by which the file differs. What leaves no trace in them must be
    right in ``network``: channels per head, the order of attention, dropout, the number of groups.
    """
    arguments = dict(network)
    if conditional and LABELS in tensors:
        arguments.setdefault("num_classes", len(tensors[LABELS]))
    elif conditional:
        raise UserError(f"{path}: {LABELS} is missing: not a class-conditional network")
    with torch.device("meta"):
        expected = build("unet", arguments).state_dict()
    if fault := differences(expected, tensors):
        raise UserError(f"{path}: another architecture: {fault}")
    return arguments
