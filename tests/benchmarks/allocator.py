"""CPU time of a training batch with and without the allocator settings that jobs run under.

Two processes take turns, so that a busy machine slows both alike: python tests/benchmarks/allocator.py
"""

import os
import resource
import statistics
import subprocess
import sys

from atbench.runtime.device import ALLOCATOR

ROUNDS, BATCHES = 3, 60


def batches() -> None:
    """Print CPU milliseconds and page faults per batch of ADM at laptop scale."""
    import torch

    from atbench.data import load as load_images
    from atbench.data.batches import Batches
    from atbench.spec.load import load
    from atbench.tasks.train import new_trainer

    torch.set_num_threads(1)
    suite = load("laptop").suite("scratch")
    images, recipe = load_images(suite.data, "train"), suite.run("adm", 0).recipe
    trainer, source = new_trainer(recipe, images, torch.device("cpu")), Batches(images, 64, ("benchmark",), flip=False)
    for index in range(10):
        trainer.train_batch(*source.batch(index))
    before = resource.getrusage(resource.RUSAGE_SELF)
    for index in range(BATCHES):
        trainer.train_batch(*source.batch(index))
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    print(1000 * seconds / BATCHES, (after.ru_minflt - before.ru_minflt) / BATCHES)


def measured(settings: dict[str, str]) -> list[float]:
    plain = {key: value for key, value in os.environ.items() if key not in ALLOCATOR}
    done = subprocess.run([sys.executable, __file__, "batches"], env=plain | settings, capture_output=True, check=True)
    return [float(word) for word in done.stdout.split()]


def compare() -> None:
    rounds = [(measured({}), measured(ALLOCATOR)) for _ in range(ROUNDS)]
    for name, side in (("default", 0), ("settings", 1)):
        milliseconds, faults = (statistics.median(values) for values in zip(*(pair[side] for pair in rounds)))
        print(f"{name:8s} {milliseconds:6.1f} ms CPU per batch, {faults:7.1f} page faults")
    print(f"ratio    {statistics.median(with_[0] / without[0] for without, with_ in rounds):6.2f}")


if __name__ == "__main__":
    batches() if sys.argv[1:] == ["batches"] else compare()
