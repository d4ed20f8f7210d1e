"""What the latent space can show at best: real images, encoded and decoded, scored as samples are."""

import torch

from atbench.data import load, to_uint8
from atbench.rng import generator
from atbench.runtime import provenance
from atbench.runtime.device import choose
from atbench.runtime.records import write_record
from atbench.spec.benchmark import Suite
from atbench.tasks.judge import Judge
from atbench.tasks.latents import BLOCK, load_autoencoder, reconstructed
from atbench.tasks.pretrained import load_pipeline


def reconstruction(suite: Suite) -> None:
    """Write the scores of as many resampled training images as a cell has samples, after the suite's autoencoder."""
    device = choose(suite.threads)
    data, count, judging = suite.judged_by, suite.evaluation.samples, suite.judging
    images = load(data, "train").images
    rows = torch.randint(len(images), (count,), generator=generator("reconstruction", data.name))
    judge = Judge(judging, device)
    autoencoder = load_pipeline(suite, device)
    if autoencoder is None:
        autoencoder = load_autoencoder(suite.runs()[0].autoencoder, device)
    block = suite.evaluation.block or BLOCK
    restored = torch.cat([to_uint8(reconstructed(images[part], autoencoder, block)) for part in rows.split(block)])
    record = {"reconstruction": judge.score(restored), "inputs": judge.inputs, "provenance": provenance.commit()}
    write_record(judging.reconstruction_path, record | {"counts": {"samples": count}})
