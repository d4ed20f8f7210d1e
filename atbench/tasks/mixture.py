"""Measure plain and robust fits on the Gaussian mixture, in closed form: one JSON per scale, no run needed."""

import torch

from atbench import measures
from atbench.config import Benchmark
from atbench.mismatch.robust_fit import measure
from atbench.runtime.device import cpu_seconds
from atbench.runtime.files import write_json
from atbench.tasks.run_record import measured


def mixture(benchmark: Benchmark) -> None:
    """Write ``mixture.json`` of a scale. Raises UserError for a mixture that is none."""
    begin, settings = cpu_seconds(), benchmark.mixture
    rows = measure(settings)
    content = {
        "rows": rows,
        "settings": settings,
        "config": {"mixture": measures.mixture_digest(benchmark)},
        "provenance": measured("mixture", torch.device("cpu"), begin),  # float64, which not every device knows
    }
    write_json(measures.path_of(benchmark, "mixture"), content)
