"""ATBench: a benchmark of adversarial training for diffusion and consistency models.

In a notebook, from the root of a checkout:

    import atbench

    results = atbench.load_results("laptop")
    atbench.compare_methods(results, "scratch", "at", "adm")
    images = atbench.sample("results/tour/scratch/at/seed0/final/ddim-nfe10.json", 64)
"""

from importlib import import_module
from typing import Any

NOTEBOOK = ("compare_methods", "load_model", "load_results", "sample")


def __getattr__(name: str) -> Any:
    """The functions of `atbench.notebook`, imported when they are first asked for: the command line starts without."""
    if name in NOTEBOOK:
        return getattr(import_module("atbench.notebook"), name)
    raise AttributeError(f"module 'atbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *NOTEBOOK])
