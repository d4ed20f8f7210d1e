"""What diffusers' configs of a `UNet2DModel` and of a scheduler say, for a U-Net of ours and for those to compare.

Source of keys, defaults and meanings: huggingface/diffusers:src/diffusers/models/unets/unet_2d.py, unet_2d_blocks.py,
src/diffusers/schedulers/scheduling_ddim.py and scheduling_ddpm.py. diffusers itself is not imported.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from atbench.diffusion.schedule import cosine_schedule
from atbench.models.diffusers_names import attends
from atbench.runtime.errors import UserError

SAVED_BY = "0.30.0"  # the earliest version that these files are for
UNET, CLASS = "UNet2DModel", "_class_name"
# What an absent key stands for.
DEFAULTS: dict[str, Any] = {
    "sample_size": None,
    "in_channels": 3,
    "out_channels": 3,
    "center_input_sample": False,
    "time_embedding_type": "positional",
    "time_embedding_dim": None,
    "freq_shift": 0,
    "flip_sin_to_cos": True,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
    "mid_block_type": "UNetMidBlock2D",
    "up_block_types": ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    "block_out_channels": [224, 448, 672, 896],
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "downsample_type": "conv",
    "upsample_type": "conv",
    "act_fn": "silu",
    "attention_head_dim": 8,
    "norm_num_groups": 32,
    "attn_norm_num_groups": None,
    "norm_eps": 1e-5,
    "resnet_time_scale_shift": "default",
    "add_attention": True,
    "class_embed_type": None,
    "num_class_embeds": None,
}
# Keys that change nothing of such a network's output: those of training, of another kind of embedding or resizing, and
# those that `EMAModel` leaves beside an average.
NO_MATTER = {"dropout", "num_train_timesteps", "downsample_padding"} | {
    *("decay", "min_decay", "optimization_step", "update_after_step", "use_ema_warmup", "inv_gamma", "power")
}
DOWN, UP = "ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D"  # levels without attention that resize as ours do
RESIZING = {"down_block_types": ("DownBlock2D", DOWN), "up_block_types": ("UpBlock2D", UP)}
COSINE = "squaredcos_cap_v2"  # their name of `cosine_schedule`


def unet_config(network: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the `UNet2DModel` that computes what our U-Net of these constructor arguments does.

    Raises UserError naming the argument for which there is none.
    """
    for key, reason in _inexpressible(network):
        raise UserError(f"{UNET} of diffusers has no counterpart: {key}: {reason}")
    levels = range(len(network["channel_mult"]))
    return {
        CLASS: UNET,
        "_diffusers_version": SAVED_BY,
        **DEFAULTS,
        "sample_size": network["image_size"],
        "in_channels": network["in_channels"],
        "out_channels": network["in_channels"] * (2 if network["learn_sigma"] else 1),
        "down_block_types": ["AttnDownBlock2D" if attends(network, level) else DOWN for level in levels],
        "up_block_types": ["AttnUpBlock2D" if attends(network, level) else UP for level in reversed(levels)],
        "block_out_channels": [mult * network["channels"] for mult in network["channel_mult"]],
        "layers_per_block": network["num_res_blocks"],
        "downsample_type": "resnet",
        "upsample_type": "resnet",
        "dropout": network["dropout"],
        "attention_head_dim": network["channels_per_head"],
        "norm_num_groups": network["num_groups"],
        "attn_norm_num_groups": network["num_groups"],  # of the middle block, which has no norm without it
        "resnet_time_scale_shift": "scale_shift",
        "num_class_embeds": network.get("num_classes"),
    }


def check_unet(file: Path, found: Mapping[str, Any], network: Mapping[str, Any]) -> None:
    """Raises UserError naming the first key by which a config differs from that of our U-Net of these arguments."""
    if found.get(CLASS) != UNET:
        raise UserError(f"{file}: {CLASS} is {found.get(CLASS)!r}, allowed: {UNET!r}")
    for key in found:
        if not key.startswith("_") and key not in DEFAULTS and key not in NO_MATTER:
            raise UserError(f"{file}: {key}: unknown")
    wanted = unet_config(network)
    for key, default in DEFAULTS.items():
        value = found.get(key, default)
        if _plain(key, value, wanted) != wanted[key] or isinstance(value, bool) != isinstance(wanted[key], bool):
            absent = "" if key in found else ", its default"
            raise UserError(f"{file}: {key} is {value!r}{absent}; the network of the suite needs {wanted[key]!r}")


def scheduler_config(learned_variance: bool) -> dict[str, Any]:
    """The config of the scheduler that samples by our noise schedule.

    DDPM's where the network predicts the variance too (`IDDPM` of ours), since DDIM's takes eps alone; either reads
    the file of the other.
    """
    return {
        CLASS: "DDPMScheduler" if learned_variance else "DDIMScheduler",
        "_diffusers_version": SAVED_BY,
        "num_train_timesteps": 1000,
        "beta_schedule": COSINE,
        "trained_betas": None,
        "prediction_type": "epsilon",
        "clip_sample": True,
        "clip_sample_range": 1.0,
        "thresholding": False,
        "timestep_spacing": "leading",  # the steps of our DDIM, where their number divides 1000
        "steps_offset": 0,
        "rescale_betas_zero_snr": False,
        **({"variance_type": "learned_range"} if learned_variance else {"set_alpha_to_one": True}),
    }


def check_scheduler(file: Path, found: Mapping[str, Any], learned_variance: bool) -> None:
    """Raises UserError naming the key where a network was trained for another diffusion process than ours.

    How a scheduler samples (steps, clipping) is left to our own samplers.
    """
    wanted = {"prediction_type": "epsilon", "num_train_timesteps": 1000, "rescale_betas_zero_snr": False}
    defaults = wanted | {"beta_schedule": "linear"}
    if found.get("trained_betas") is not None:
        _check_betas(file, found["trained_betas"])
    else:
        wanted["beta_schedule"] = COSINE
    if learned_variance and "variance_type" in found:
        wanted["variance_type"] = "learned_range"
    for key, value in wanted.items():
        if (is_now := found.get(key, defaults.get(key))) != value:
            raise UserError(f"{file}: {key} is {is_now!r}, allowed: {value!r}")


def _check_betas(file: Path, betas: object) -> None:
    ours = cosine_schedule().betas
    numbers = isinstance(betas, list) and all(type(beta) is float for beta in betas)
    if not numbers or len(betas) != len(ours) or not torch.allclose(torch.tensor(betas).double(), ours, rtol=1e-5):
        raise UserError(f"{file}: trained_betas: not those of the cosine schedule, which our samplers follow")


def _inexpressible(network: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Arguments that `UNet2DModel` has no word for, and why."""
    found = []
    if network["channel_mult"][0] != 1:
        reason = f"{network['channel_mult'][0]} at the first level, whose width is that of its time embedding: 1"
        found.append(("channel_mult", reason))
    if network.get("vocabulary") is not None:
        found.append(("vocabulary", "it has no encoder of captions"))
    if network.get("guided"):
        found.append(("guided", "it takes no guidance weight"))
    return found


def _plain(key: str, value: object, wanted: Mapping[str, Any]) -> object:
    """A value in the one spelling that `unet_config` has for what it means."""
    side, width = wanted["sample_size"], wanted["block_out_channels"][0]
    if key == "sample_size" and value in (None, [side, side]):  # none: it is a hint to pipelines alone
        return side
    if key == "time_embedding_dim" and value == 4 * width:
        return None
    if key == "act_fn" and value == "swish":
        return "silu"
    if key in RESIZING and isinstance(value, list):  # the last level does not resize
        plain, resizing = RESIZING[key]
        return [resizing if (i, name) == (len(value) - 1, plain) else name for i, name in enumerate(value)]
    if key in ("downsample_type", "upsample_type"):  # of levels with attention; others resize as their type says
        types = wanted["down_block_types"] if key == "downsample_type" else wanted["up_block_types"]
        return value if any(name.startswith("Attn") for name in types[:-1]) else wanted[key]
    return value
