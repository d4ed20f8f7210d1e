"""Weights files: safetensors whose header says which network they belong to, so that a file explains itself."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from atbench.runtime.errors import UserError
from atbench.runtime.files import open_file, write_atomically
from atbench.runtime.json_files import parse_json
from atbench.spec.signatures import find

MOST_HEADER = 1 << 20  # bytes of it; that of Stable Diffusion has a tenth
SHOWN = 4  # differences in an error message
HEADER = "model"  # metadata key: JSON of the network's name and constructor arguments


def build(network: str, config: Mapping[str, Any]) -> nn.Module:
    """A freshly initialised network. Raises UserError for an unknown name or wrong constructor arguments."""
    kind = find("models", "arguments", "network", network)
    try:
        return kind(**config)
    except TypeError as error:
        raise UserError(f"model of network {network!r}: {error}") from error


def compiled(model: nn.Module) -> nn.Module:
    """The same model, its forward pass compiled when it is first called; its parameters and hooks stay what they are.

    Dropout draws what it would draw uncompiled: a distillation's target drops what its student drops.
    """
    model.forward = torch.compile(model.forward, options={"fallback_random": True})  # type: ignore[method-assign]
    return model


def save_weights(path: Path, model: nn.Module, network: str, config: Mapping[str, Any]) -> None:
    """Write a model's parameters with the arguments that rebuild it, atomically: equal weights, equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # One key only: safetensors writes several in a random order, and files are compared by their hash.
    header = {HEADER: json.dumps({"network": network, "config": config}, sort_keys=True)}
    content = save(tensors, metadata=header)  # in memory: on a full disk the library hides the system's word
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def differences(expected: dict, found: dict, optional: str | None = None) -> str:
    """In one line, the first names and shapes by which ``found`` tensors differ from ``expected``; empty when none do.

    Names that start with ``optional`` may be missing.
    """
    faults = [
        f"{name} is missing" if name not in found else f"{name} is {tuple(found[name].shape)} for {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if (found[name].shape != tensor.shape if name in found else not (optional and name.startswith(optional)))
    ]
    faults += [f"{name} {tuple(tensor.shape)} is unknown" for name, tensor in found.items() if name not in expected]
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    return "; ".join(faults[:SHOWN]) + more


def load_model(path: Path | str, network: str) -> nn.Module:
    """The model that a weights file holds, in evaluation mode on the CPU.

    Raises UserError naming the file when it is missing, truncated, of another network or of other shapes, or holds
    values that are not finite. Its header is read first, and the network drawn up without memory: what does not fit is
    refused before any of it takes room.
    """
    arguments, shapes = described(path, network)
    try:
        with torch.device("meta"), at_most(len(shapes)):
            expected = build(network, arguments).state_dict()
    except Exception as error:  # a network reports foreign arguments by as many types as Python has
        raise UserError(f"{path}: header key {HEADER!r} describes no {network} ({_one_line(error)})") from error
    if fault := differences(expected, shapes):
        raise UserError(f"{path}: weights and header disagree ({fault})")
    tensors = read_tensors(path)
    model = build(network, arguments)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    if not all(tensor.isfinite().all() for tensor in tensors.values() if torch.is_floating_point(tensor)):
        raise UserError(f"{path}: holds NaN or infinite weights")
    return model.eval()


def read_tensors(path: Path | str) -> dict[str, torch.Tensor]:
    """Every tensor of a safetensors file. Raises UserError naming the file when it is damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, RuntimeError) as error:
        raise _unreadable(path, error) from error


def described(path: Path | str, network: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Constructor arguments of the ``network`` in a weights file, and its tensors without their values.

    Raises UserError naming the file for a header that is damaged, too long, or of another network.
    """
    metadata, shapes, _ = header_of(path)
    written = metadata.get(HEADER, "{}")
    model = parse_json(written, f"{path}: header key {HEADER!r}") if isinstance(written, str) else {}
    if model.keys() != {"network", "config"} or not isinstance(model["config"], dict):
        raise UserError(f"{path}: header key {HEADER!r} with network and config is missing")
    if model["network"] != network:
        raise UserError(f"{path}: holds a {model['network']}, expected a {network}")
    return model["config"], shapes


def header_of(path: Path | str) -> tuple[dict[str, Any], dict[str, torch.Tensor], dict[str, str]]:
    """Metadata of a safetensors file, its tensors without their values, and the types it stores them in (F32).

    Raises UserError naming the file for a header that is damaged or too long.
    """
    with open_file(path) as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= MOST_HEADER:
            raise UserError(f"{path}: not a readable weights file (a header of {length:,} bytes)")
        header = parse_json(file.read(length), f"{path}: not a readable weights file")
    try:
        metadata = dict(header.pop("__metadata__", None) or {})
        shapes = {name: torch.empty(entry["shape"], device="meta") for name, entry in header.items()}
        return metadata, shapes, {name: str(entry["dtype"]) for name, entry in header.items()}
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise _unreadable(path, error) from error


@contextmanager
def at_most(count: int) -> Iterator[None]:
    """Raises UserError where networks are built of more than ``count`` tensors: a number in a file makes millions."""
    made = 0

    def counted(*_: object) -> None:
        nonlocal made
        made += 1
        if made > count:
            raise UserError(f"more than the {count} tensors of the file")

    handle = register_module_parameter_registration_hook(counted)
    try:
        yield
    finally:
        handle.remove()


def _unreadable(path: Path | str, error: Exception) -> UserError:
    return UserError(f"{path}: not a readable weights file ({_one_line(error)})")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
