"""guided-diffusion's side: its own network, training loop and sampling loop, called as its scripts call them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

from atbench.spec.recipe import Recipe
from benchmarks import peers
from benchmarks.entries import Disagreement

CLOSE = 1e-4  # by which outputs of the same weights may differ, relative to their size
DECAY = 0.9999  # of its average, where ours has one of another kind
NEVER = 10**9  # batches between lines of its log and between its checkpoints: neither is part of an update


def network(config: Mapping[str, Any]) -> nn.Module:
    """Its network of the arguments that ours has. Its groups are 32 wherever it stands; a smaller network has fewer."""
    unet, nn_ = peers.guided_module("unet"), peers.guided_module("nn")
    unet.normalization = lambda channels: nn_.GroupNorm32(config["num_groups"], channels)
    channels = config["in_channels"]
    return unet.UNetModel(
        image_size=config["image_size"],
        in_channels=channels,
        model_channels=config["channels"],
        out_channels=channels * (2 if config["learn_sigma"] else 1),
        num_res_blocks=config["num_res_blocks"],
        attention_resolutions=[config["image_size"] // side for side in config["attention_resolutions"]],
        dropout=config["dropout"],
        channel_mult=tuple(config["channel_mult"]),
        num_classes=config.get("num_classes"),
        num_head_channels=config["channels_per_head"],
        use_scale_shift_norm=True,
        resblock_updown=True,
        use_new_attention_order=config["new_attention_order"],
    )


def like(model: nn.Module) -> nn.Module:
    """Its network with the weights of ours: both have the same parameters, by name and shape."""
    made = network(model.config)
    made.load_state_dict(model.state_dict())
    return made.to(next(model.parameters()).device)


def compile_whole() -> None:
    """Have its networks compile as a whole, faster than they would be otherwise.

    Attention always keeps its input alone and computes the rest again for the gradient, by an autograd function of its
    own, on which the compiler does not come to an end: every call compiles something anew. Compiled, it keeps all.
    """
    peers.guided_module("unet").checkpoint = lambda function, inputs, parameters, flag: function(*inputs)


def training_loop(model: nn.Module, recipe: Recipe, batch: int, folder: Path) -> Any:
    """Its training loop in one process, whose `run_step` is an update: loss, gradients, AdamW, average, its log."""
    loop, logger = peers.guided_module("train_util"), peers.guided_module("logger")
    logger.configure(str(folder), format_strs=[])
    loop.DDP = lambda model, **_: model  # one process needs no exchange of gradients
    if not distributed.is_initialized():  # it asks how many processes there are, and sends its weights to them
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, store=distributed.HashStore(), rank=0, world_size=1)
    diffusion = _diffusion("")
    sampler = peers.guided_module("resample").create_named_schedule_sampler(recipe.training.timesteps, diffusion)
    return loop.TrainLoop(
        model=model.train(),
        diffusion=diffusion,
        data=None,
        batch_size=batch,
        microbatch=-1,
        lr=recipe.learning_rate,
        ema_rate=recipe.training.ema.decay or DECAY,
        log_interval=NEVER,
        save_interval=NEVER,
        resume_checkpoint="",
        schedule_sampler=sampler,
        weight_decay=recipe.training.weight_decay,
    )


def ddim(model: nn.Module, nfe: int, x_T: Tensor) -> Tensor:
    """Samples by its DDIM loop from latents (N, C, H, W)."""
    return _diffusion(f"ddim{nfe}").ddim_sample_loop(model, tuple(x_T.shape), noise=x_T)


def same_outputs(ours: nn.Module, peer: nn.Module, x: Tensor, labels: Tensor | None) -> str:
    """That both networks say the same of an image. Raises Disagreement where they do not."""
    given = [] if labels is None else [labels]
    t = torch.arange(len(x), device=x.device) * 97 % 1000
    found = []
    for network in (ours, peer):
        trains = network.training
        network.eval()
        with torch.no_grad():
            found.append(network(x, t, *given))
        network.train(trains)
    difference = ((found[0] - found[1]).abs().max() / found[1].abs().max()).item()
    if not difference <= CLOSE:
        raise Disagreement(f"outputs of the same weights differ by {difference:.1e} of their size")
    return f"same weights, whose outputs differ by {difference:.0e} of their size"


def _diffusion(respacing: str) -> Any:
    made = peers.guided_module("script_util").create_gaussian_diffusion
    return made(learn_sigma=True, noise_schedule="cosine", timestep_respacing=respacing)
