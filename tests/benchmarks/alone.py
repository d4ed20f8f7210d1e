"""Updates of one side in a process of its own, for its peak of memory.

    python -m benchmarks.alone ours|peer SUITE BATCH DEVICE FOLDER

Prints what the process took as JSON. The peak counts from the second update on: then optimizer and average are there.
"""

import json
import resource
import sys
from pathlib import Path

import torch

from benchmarks import guided, ours
from benchmarks.entries import EAGER, GPU, Setting

SCALE = "paper"


def main(side: str, suite: str, batch: int, device: str, folder: str) -> None:
    """Make two updates and print what they took."""
    torch.set_num_threads(1)
    setting = Setting(GPU[0] if device == "cuda" else EAGER, False, Path(folder))
    recipe = ours.recipe_of(SCALE, suite)
    x0, labels = ours.batch_of(recipe, batch, setting.device)
    if side == "ours":
        trainer = ours.trainer_of(recipe, setting)

        def update() -> None:
            trainer.train_batch(x0, labels)
    else:
        network = guided.network({**recipe.network, **ours.classes_of(recipe)}).to(setting.device)
        loop = guided.training_loop(network, recipe, batch, setting.scratch)

        def update() -> None:
            loop.run_step(x0, {} if labels is None else {"y": labels})

    update()
    taken = setting.column.watch(update)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if device == "cuda":
        peak = torch.cuda.max_memory_allocated()
    print(json.dumps(taken | {"bytes": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:])
