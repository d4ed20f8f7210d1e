"""Our U-Net's parameters under the names of diffusers' `UNet2DModel`, bit for bit: a table, and what it does to them.

Source of their names: huggingface/diffusers:src/diffusers/models/unets/unet_2d.py and unet_2d_blocks.py. Ours are those
of guided-diffusion (`atbench.models.blocks`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

# Within a block: our name -> theirs.
RESIDUAL = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",  # where the width changes
}
ATTENTION = {"norm": "group_norm", "qkv": ("to_q", "to_k", "to_v"), "proj_out": "to_out.0"}
ITSELF = {"": ""}
# Outside the levels: our name, theirs, the table of its parts.
FIXED = (
    ("time_embed.0", "time_embedding.linear_1", ITSELF),
    ("time_embed.2", "time_embedding.linear_2", ITSELF),
    ("label_emb", "class_embedding", ITSELF),  # of class-conditional networks
    ("input_blocks.0.0", "conv_in", ITSELF),
    ("middle_block.0", "mid_block.resnets.0", RESIDUAL),
    ("middle_block.1", "mid_block.attentions.0", ATTENTION),
    ("middle_block.2", "mid_block.resnets.1", RESIDUAL),
    ("out.0", "conv_norm_out", ITSELF),
    ("out.2", "conv_out", ITSELF),
)
# Attention as diffusers named it up to version 0.16; it still reads such files.
EARLIER = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}
EARLIER_NAME = re.compile(rf"(?<=\.)({'|'.join(EARLIER)})(?=\.(?:weight|bias)$)")


def attends(network: Mapping[str, Any], level: int) -> bool:
    """Whether a level of the network has attention behind each of its residual blocks."""
    return network["image_size"] >> level in network["attention_resolutions"]


def blocks(network: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Our name, theirs and the table of parts of every block of a U-Net of these constructor arguments.

    We count all blocks of a way through, they count by level; both count levels of the way up from the lowest.
    """
    yield from FIXED
    levels, count = len(network["channel_mult"]), network["num_res_blocks"]
    place = 1  # of a block on the way down; the first convolution is block 0
    for level in range(levels):
        for i in range(count):
            yield f"input_blocks.{place}.0", f"down_blocks.{level}.resnets.{i}", RESIDUAL
            if attends(network, level):
                yield f"input_blocks.{place}.1", f"down_blocks.{level}.attentions.{i}", ATTENTION
            place += 1
        if level < levels - 1:
            yield f"input_blocks.{place}.0", f"down_blocks.{level}.downsamplers.0", RESIDUAL
            place += 1
    for step, level in enumerate(reversed(range(levels))):
        for i in range(count + 1):
            ours = f"output_blocks.{step * (count + 1) + i}"
            yield f"{ours}.0", f"up_blocks.{step}.resnets.{i}", RESIDUAL
            if attends(network, level):
                yield f"{ours}.1", f"up_blocks.{step}.attentions.{i}", ATTENTION
        if level > 0:  # the last block of a level doubles the resolution too
            yield f"{ours}.{2 if attends(network, level) else 1}", f"up_blocks.{step}.upsamplers.0", RESIDUAL


def parameters(network: Mapping[str, Any]) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Every name that a parameter of ours may have -> theirs, three of them where ours holds q, k and v."""
    for ours, theirs, parts in blocks(network):
        for part, other in parts.items():
            for kind in ("weight", "bias"):
                name = _joined(ours, part, kind)
                if isinstance(other, tuple):
                    yield name, tuple(_joined(theirs, each, kind) for each in other)
                else:
                    yield name, _joined(theirs, other, kind)


def to_diffusers(tensors: Mapping[str, Tensor], network: Mapping[str, Any]) -> dict[str, Tensor]:
    """The parameters of a U-Net of ours, by diffusers' names. Tensors without values ("meta") give shapes alone."""
    found: dict[str, Tensor] = {}
    for ours, theirs in parameters(network):
        if ours not in tensors:
            continue
        if isinstance(theirs, tuple):
            whole = _layer(_by_part(tensors[ours], network))
            found |= {name: part.clone() for name, part in zip(theirs, whole.chunk(3))}  # files hold no views
        else:
            found[theirs] = _layer(tensors[ours]) if ".attentions." in theirs else tensors[ours]
    return found


def from_diffusers(
    tensors: Mapping[str, Tensor], network: Mapping[str, Any], like: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The reverse of `to_diffusers`, in the order and shapes of ``like``, our parameters with or without values."""
    names = dict(parameters(network))
    found = {}
    for ours, expected in like.items():
        theirs = names[ours]
        if isinstance(theirs, tuple):
            whole = torch.cat([tensors[name] for name in theirs])
            found[ours] = _by_head(whole, network).reshape(expected.shape).contiguous()
        else:
            found[ours] = tensors[theirs].reshape(expected.shape)
    return found


def present_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same under the names that diffusers gives attention today."""
    return {EARLIER_NAME.sub(lambda found: EARLIER[found[1]], name): value for name, value in tensors.items()}


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def _layer(tensor: Tensor) -> Tensor:
    """A convolution over single pixels (C', C, 1) as the linear layer (C', C) that it is."""
    return tensor.squeeze(-1) if tensor.ndim == 3 else tensor


def _by_part(tensor: Tensor, network: Mapping[str, Any]) -> Tensor:
    """The rows of a ``qkv``, (3C, ...), as q, k, v with heads inside: so they are in the new order already."""
    if network["new_attention_order"]:
        return tensor
    return tensor.unflatten(0, (-1, 3, network["channels_per_head"])).transpose(0, 1).flatten(0, 2)


def _by_head(tensor: Tensor, network: Mapping[str, Any]) -> Tensor:
    """The reverse of `_by_part`."""
    if network["new_attention_order"]:
        return tensor
    return tensor.unflatten(0, (3, -1, network["channels_per_head"])).transpose(0, 1).flatten(0, 2)
