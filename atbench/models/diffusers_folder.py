"""Weights in diffusers' form: a pipeline's folder with `unet/` and `scheduler/`, or that of a `UNet2DModel` alone.

Source of the layout: huggingface/diffusers:src/diffusers/models/modeling_utils.py and pipelines/pipeline_utils.py.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from atbench.models.checkpoints import check_values, read_checkpoint, refuse_what_is_none
from atbench.models.diffusers_config import SAVED_BY, check_scheduler, check_unet, scheduler_config, unet_config
from atbench.models.diffusers_names import from_diffusers, present_names, to_diffusers
from atbench.models.weights import build, differences, header_of, read_tensors
from atbench.runtime.errors import UserError
from atbench.runtime.files import write_atomically
from atbench.runtime.json_files import read_json, write_json

UNET_FOLDER = "unet"
CONFIG = "config.json"
SCHEDULER = Path("scheduler", "scheduler_config.json")
INDEX = "model_index.json"
WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")  # the first that is there
SUFFIXES = (".safetensors", ".bin")
STORED = "F32"  # what safetensors calls torch.float32


def weights_file(path: Path) -> Path:
    """The file of weights in a folder of diffusers; any other path as it is.

    Raises UserError for a folder without one.
    """
    if not path.is_dir():
        return path
    folder = path / UNET_FOLDER if (path / UNET_FOLDER).is_dir() else path
    for name in WEIGHTS:
        if (folder / name).exists():
            return folder / name
    raise UserError(f"{folder}: holds no weights of diffusers: neither {' nor '.join(WEIGHTS)}")


def read_folder(file: Path, network: Mapping[str, Any], conditional: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Parameters of our U-Net from a weights file of diffusers, and its constructor arguments.

    network: those of the suite; the number of classes, of a ``conditional`` one, is that of the file. `config.json`
    lies beside the file, and the scheduler's, where there is one, in the folder of the pipeline. All of them, and the
    shapes in the file, are compared with the network before any tensor takes room. Raises UserError naming the file and
    the key or tensor.
    """
    config = file.parent / CONFIG
    found = read_json(config)
    arguments = dict(network)
    if conditional:
        arguments.setdefault("num_classes", _classes(config, found))
    check_unet(config, found, arguments)
    scheduler = (file.parent.parent if file.parent.name else Path("..")) / SCHEDULER
    if scheduler.exists():
        check_scheduler(scheduler, read_json(scheduler), arguments["learn_sigma"])
    with torch.device("meta"):
        ours = build("unet", arguments).state_dict()
    return from_diffusers(_fitting(file, to_diffusers(ours, arguments)), arguments, ours), arguments


def is_class_conditional(file: Path) -> bool:
    """Whether the network of a weights file takes classes, as its config says."""
    return read_json(file.parent / CONFIG).get("num_class_embeds") is not None


def write_folder(folder: Path, tensors: Mapping[str, Tensor], network: Mapping[str, Any]) -> None:
    """Write a pipeline that diffusers loads: the network, the scheduler that samples it, and what names them both.

    Equal weights give equal bytes; the index comes last. Raises UserError for a network that diffusers has no word for.
    """
    config, scheduler = unet_config(network), scheduler_config(network["learn_sigma"])
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file is there, where a folder is to be written")
    stored = {name: value.contiguous() for name, value in to_diffusers(tensors, network).items()}
    content = save(stored, metadata={"format": "pt"})  # as diffusers itself writes it
    write_json(folder / UNET_FOLDER / CONFIG, config)
    write_atomically(folder / UNET_FOLDER / WEIGHTS[0], lambda temporary: temporary.write_bytes(content))
    write_json(folder / SCHEDULER, scheduler)
    parts = {"scheduler": ["diffusers", scheduler["_class_name"]], UNET_FOLDER: ["diffusers", config["_class_name"]]}
    pipeline = scheduler["_class_name"].replace("Scheduler", "Pipeline")
    write_json(folder / INDEX, {"_class_name": pipeline, "_diffusers_version": SAVED_BY} | parts)


def _classes(config: Path, found: Mapping[str, Any]) -> int:
    classes = found.get("num_class_embeds")
    if type(classes) is not int or classes < 1:
        raise UserError(f"{config}: num_class_embeds is {classes!r}: not a class-conditional network")
    return classes


def _fitting(file: Path, expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, by diffusers' present names. Raises UserError for others than ``expected``."""
    refuse_what_is_none(file, "weights file")
    pickled = file.suffix == ".bin"
    stored = read_checkpoint(file) if pickled else _shapes(file)
    if fault := differences(dict(expected), named := present_names(stored)):
        raise UserError(f"{file}: not the weights that its {CONFIG} says: {fault}")
    if len(named) < len(stored):
        raise UserError(f"{file}: holds attention under its present names and under its earlier ones")
    if pickled:
        return named
    tensors = read_tensors(file)
    check_values(file, tensors)
    return present_names(tensors)


def _shapes(file: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file without their values."""
    _, shapes, types = header_of(file)
    for name, kind in types.items():
        if kind != STORED:
            raise UserError(f"{file}: not the weights of a network: {name!r} is {kind}, expected {STORED}")
    return shapes
