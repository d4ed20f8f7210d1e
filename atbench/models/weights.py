"""Weights files: safetensors whose header says which network they belong to, so that a file explains itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.spec.signatures import find

SHOWN = 4  # differences in an error message
HEADER = "model"  # metadata key: JSON of the network's name and constructor arguments


def build(network: str, config: Mapping[str, Any]) -> nn.Module:
    """A freshly initialised network. Raises UserError for an unknown name or wrong constructor arguments."""
    kind = find("models", "arguments", "network", network)
    try:
        return kind(**config)
    except TypeError as error:
        raise UserError(f"model of network {network!r}: {error}") from error


def save_weights(path: Path, model: nn.Module, network: str, config: Mapping[str, Any]) -> None:
    """Write a model's parameters with the arguments that rebuild it, atomically: equal weights, equal bytes."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    # One key only: safetensors writes several in a random order, and files are compared by their hash.
    header = {HEADER: json.dumps({"network": network, "config": config}, sort_keys=True)}
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata=header))


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
    values that are not finite.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get(HEADER, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable weights file ({_one_line(error)})") from error
    if not isinstance(header, dict) or header.keys() != {"network", "config"}:
        raise UserError(f"{path}: header key {HEADER!r} with network and config is missing")
    if header["network"] != network:
        raise UserError(f"{path}: holds a {header['network']}, expected a {network}")
    try:
        model = build(network, header["config"])
        model.load_state_dict(tensors)
    except (UserError, RuntimeError) as error:
        raise UserError(f"{path}: weights and header disagree ({_one_line(error)})") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values() if torch.is_floating_point(tensor)):
        raise UserError(f"{path}: holds NaN or infinite weights")
    return model.eval()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
