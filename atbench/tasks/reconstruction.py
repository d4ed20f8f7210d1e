"""What the latent space can show at best: real images, encoded and decoded, scored as samples are."""

import torch

from atbench import plan
from atbench.config import Benchmark
from atbench.data import load, to_uint8
from atbench.rng import generator
from atbench.runtime import provenance
from atbench.runtime.device import choose
from atbench.runtime.files import write_json
from atbench.tasks.judge import Judge
from atbench.tasks.latents import BLOCK, load_autoencoder, reconstructed
from atbench.tasks.pretrained import load_pipeline


def reconstruction(benchmark: Benchmark, suite: str) -> None:
    """Write the scores of as many resampled training images as a cell has samples, after the suite's autoencoder."""
    device = choose(benchmark.sizes["threads"])
    evaluation = plan.evaluation_of(benchmark, suite)
    data, count = plan.judged_by(benchmark, suite), evaluation["samples"]
    images = load(data, "train").images
    rows = torch.randint(len(images), (count,), generator=generator("reconstruction", data["name"]))
    judge = Judge(benchmark, suite, device)
    autoencoder = load_pipeline(benchmark, suite, device)
    if autoencoder is None:
        autoencoder = load_autoencoder(plan.autoencoder_run(benchmark, plan.runs(benchmark, suite)[0]), device)
    block = evaluation.get("block", BLOCK)
    restored = torch.cat([to_uint8(reconstructed(images[part], autoencoder, block)) for part in rows.split(block)])
    record = {"reconstruction": judge.score(restored), "inputs": judge.inputs, "provenance": provenance.commit()}
    write_json(plan.reconstruction_path(benchmark, suite), record | {"counts": {"samples": count}})
