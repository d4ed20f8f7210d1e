"""diffusers' side: its nearest network, and an update with its parts as in its example of unconditional training."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from atbench.spec.recipe import Recipe
from benchmarks import peers

DECAY, CLIP = 0.9999, 1.0  # of examples/unconditional_image_generation/train_unconditional.py


def network(config: Mapping[str, Any]) -> nn.Module:
    """`UNet2DModel` with the widths, attention and groups of ours. It predicts no variance, and scales and shifts."""
    attends = [
        config["image_size"] >> level in config["attention_resolutions"] for level in range(len(config["channel_mult"]))
    ]
    return peers.package("diffusers").UNet2DModel(
        sample_size=config["image_size"],
        in_channels=config["in_channels"],
        out_channels=config["in_channels"],
        layers_per_block=config["num_res_blocks"],
        block_out_channels=tuple(config["channels"] * mult for mult in config["channel_mult"]),
        down_block_types=tuple("AttnDownBlock2D" if each else "DownBlock2D" for each in attends),
        up_block_types=tuple("AttnUpBlock2D" if each else "UpBlock2D" for each in reversed(attends)),
        attention_head_dim=config["channels_per_head"],
        norm_num_groups=config["num_groups"],
        resnet_time_scale_shift="scale_shift",
        downsample_type="resnet",
        upsample_type="resnet",
    )


def updating(model: nn.Module, recipe: Recipe) -> Callable[[Tensor], None]:
    """An update of a batch x0 (N, C, H, W): noise, loss, gradients and their norm, AdamW, average."""
    diffusers = peers.package("diffusers")
    scheduler = diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    average = diffusers.training_utils.EMAModel(model.parameters(), decay=DECAY, use_ema_warmup=True)
    optimizer = torch.optim.AdamW(model.parameters(), recipe.learning_rate, weight_decay=recipe.training.weight_decay)
    model.train()

    def update(x0: Tensor) -> None:
        noise = torch.randn_like(x0)
        t = torch.randint(scheduler.config.num_train_timesteps, (len(x0),), device=x0.device)
        output = model(scheduler.add_noise(x0, noise, t), t).sample
        loss = nn.functional.mse_loss(output, noise)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        optimizer.zero_grad()
        average.step(model.parameters())
        loss.item()

    return update
