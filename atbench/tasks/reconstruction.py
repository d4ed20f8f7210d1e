"""What the latent space can show at best: real images, encoded and decoded, scored as samples are."""

import torch

from atbench import plan, provenance
from atbench.config import Benchmark
from atbench.data import load, to_uint8
from atbench.device import choose
from atbench.noise import generator
from atbench.records import write_json
from atbench.tasks.evaluate import Judge
from atbench.tasks.latents import load_autoencoder, reconstructed


def reconstruction(benchmark: Benchmark, suite: str) -> None:
    """Write the scores of as many resampled training images as a cell has samples, after the suite's autoencoder."""
    device = choose(benchmark.sizes["threads"])
    run = plan.autoencoder_run(benchmark, plan.runs(benchmark, suite)[0])
    data, count = plan.data_of(benchmark, suite), benchmark.sizes["evaluation"]["samples"]
    images = load(data, "train").images
    rows = torch.randint(len(images), (count,), generator=generator("reconstruction", data["name"]))
    judge = Judge(benchmark, suite, device)
    restored = to_uint8(reconstructed(images[rows], load_autoencoder(run, device)))
    record = {"reconstruction": judge.score(restored), "inputs": judge.inputs, "provenance": provenance.commit()}
    write_json(plan.reconstruction_path(benchmark, suite), record | {"counts": {"samples": count}})
