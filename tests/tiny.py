"""A trainer small enough for unit tests: tiny networks, random batches, a training slice."""

import torch

from atbench.models.weights import build
from atbench.training.loop import Trainer
from atbench.training.objectives import OBJECTIVES

CPU = torch.device("cpu")
NETWORKS = {
    "unet": {
        "image_size": 8,
        "in_channels": 1,
        "channels": 8,
        "channel_mult": [1, 2],
        "num_res_blocks": 1,
        "attention_resolutions": [4],
        "channels_per_head": 8,
        "num_groups": 4,
        "dropout": 0.1,
    },
    "digits-classifier": {"width": 8, "dropout": 0.1},
    "autoencoder": {"image_size": 8, "in_channels": 1, "channels": 8, "latent_channels": 2, "num_groups": 4},
}


def settings(objective="noise-prediction", perturbation=None, **changes):
    """A training slice of a tiny run."""
    return {
        "objective": objective,
        "perturbation": perturbation or {"kind": "none"},
        "conditional": False,
        "learning_rate": 2e-3,
        "weight_decay": 0.0,
        "ema": {"relative_length": 0.1},
        "timesteps": "uniform",
        "distillation": {
            "grid": {"parametrisation": "vp", "t_start": 960, "stride": 120},
            "target_decay": 0.9,
            "distance": {"kind": "pseudo-huber", "c": 0.03},
        },
        "seed_names": ["scratch", 0],
    } | changes


def trainer_of(config, seed=0, **network):
    torch.manual_seed(seed)
    name = OBJECTIVES[config["objective"]].network
    return Trainer(build(name, NETWORKS[name] | network), config, CPU)


def batch(index=0, n=8, channels=1, side=8):
    generator = torch.Generator().manual_seed(index)
    x0 = torch.rand(n, channels, side, side, generator=generator) * 2 - 1
    return x0, torch.randint(10, (n,), generator=generator)


def run_batches(trainer, start, end):
    return [trainer.train_batch(*batch(index)) for index in range(start, end)]
