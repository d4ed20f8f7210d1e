"""Names and argument types of the commit that the cases were written at (e07f8ee2), over the present code.

So a case changes in its import lines alone. Nothing here checks, converts or catches anything on the cases' behalf.
"""

from copy import copy
from typing import Any

from tiny import data_of, load_images

from atbench.data import text_images
from atbench.spec import load as spec
from atbench.spec.benchmark import Benchmark
from atbench.spec.yaml import EXPERIMENTS

__all__ = ["EXPERIMENTS", "TextImages", "load", "load_images"]


def load(scale: str) -> Benchmark:
    """The experiment files at a scale, whose own blocks were mappings called ``sizes``."""
    found = copy(spec.load(scale))
    object.__setattr__(found, "sizes", found.file.written())
    return found


def TextImages(block: dict[str, Any]) -> text_images.TextImages:
    """Pairs of images and texts, as a `data:` block names them; the block was a mapping."""
    return text_images.TextImages(data_of(block))
