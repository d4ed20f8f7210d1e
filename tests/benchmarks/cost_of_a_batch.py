"""Time of one training batch of each method, as a ratio to ADM, and images per second of each sampling block size.

Measured interleaved in one process, so that a busy machine slows all alike: python tests/benchmarks/cost_of_a_batch.py
"""

import statistics
import time

import torch

from atbench.data import load as load_images
from atbench.data.batches import Batches
from atbench.spec.load import load
from atbench.tasks.generate import BLOCK
from atbench.tasks.train import new_trainer

METHODS = ("adm", "ip", "at")
ROUNDS = 15
BLOCKS = (16, 64, 128, 256)


def seconds(action, *arguments) -> float:
    begin = time.perf_counter()
    action(*arguments)
    return time.perf_counter() - begin


def training() -> None:
    """Median seconds per batch of each method and the median of its ratios to ADM in the same round."""
    suite, cpu = load("laptop").suite("scratch"), torch.device("cpu")
    images = load_images(suite.data, "train")
    trainers = {method: new_trainer(suite.run(method, 0).recipe, images, cpu) for method in METHODS}
    batches = Batches(images, 64, ("benchmark",), flip=False)
    times = {method: [] for method in METHODS}
    for index in range(ROUNDS + 1):
        x0, labels = batches.batch(index)
        for method, trainer in trainers.items():
            times[method].append(seconds(trainer.train_batch, x0, labels))
    for method in METHODS:
        own, plain = times[method][1:], times["adm"][1:]  # the first round warms up
        ratio = statistics.median(a / b for a, b in zip(own, plain))
        print(f"{method:4s} {1000 * statistics.median(own):7.1f} ms per batch, {ratio:5.2f} x adm")


def sampling() -> None:
    """Images per second of one network evaluation by block size, and the ratio to the block in use."""
    suite = load("laptop").suite("scratch")
    images = load_images(suite.data, "train")
    model = new_trainer(suite.run("adm", 0).recipe, images, torch.device("cpu")).model.eval()
    times = {block: [] for block in BLOCKS}
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            for block in BLOCKS:
                x, t = torch.randn(block, 1, 8, 8), torch.full((block,), 500.0)
                times[block].append(seconds(model, x, t) / block)
    speed = {block: 1 / statistics.median(values[1:]) for block, values in times.items()}
    for block in BLOCKS:
        print(f"block {block:3d}: {speed[block]:7.0f} images/s, {speed[block] / speed[BLOCK]:4.2f} x block {BLOCK}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    training()
    sampling()
