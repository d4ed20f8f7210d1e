"""Real images to set beside samples: the first of a suite's held-out set."""

import numpy as np

from atbench.data import load
from atbench.reading.pictures import SHOWN, SIDE
from atbench.runtime.errors import UserError
from atbench.spec.benchmark import Benchmark, Suite


def real_images(benchmark: Benchmark, suites: list[str]) -> dict[str, np.ndarray | str]:
    """Suite -> as many real images as a strip of samples has, (image, height, width[, channels]) in 0..1.

    Or, in words, why there are none: the data are not on this machine, say.
    """
    return {name: _first(benchmark.suite(name)) for name in suites}


def _first(suite: Suite) -> np.ndarray | str:
    try:
        images = load(suite.data, "held-out").images[: SHOWN * SIDE]
    except UserError as error:
        return str(error)
    if images.is_floating_point():
        return f"the data of the suite {suite.name} are latents"
    pixels: np.ndarray = images.permute(0, 2, 3, 1).numpy()
    return (pixels[..., 0] if pixels.shape[-1] == 1 else pixels) / 255
